// Datagrams of any length, and more flows of them than there is room for.
#include <algorithm>

#include "town.h"

namespace quoin::simulation {
namespace {

// What the printer sends back of that many bytes, asked from a fresh port; nothing within ten seconds: nothing.
std::optional<std::size_t> echoed(Town& town, std::size_t bytes) {
  const auto flow = town.alice.open_udp(town.printer(), 161);
  town.alice.send_datagram(flow, std::string(bytes, 'q'));
  const bool came = town.world.run_until([&] { return !town.alice.flow(flow).datagrams.empty(); }, seconds(10));
  return came ? std::optional(town.alice.flow(flow).datagrams[0].size()) : std::nullopt;
}

TEST(Datagrams, long_ones_reach_the_device_and_come_back_whole) {
  Town town;
  ASSERT_TRUE(town.open());
  for (const std::size_t bytes : {0u, 1'252u, 1'253u, 1'600u, 8'000u, 65'507u}) EXPECT_EQ(echoed(town, bytes), bytes);
}

TEST(Datagrams, an_answer_that_ipv6_cannot_carry_is_said_to_the_gate_and_to_who_asked) {
  Town town;
  ASSERT_TRUE(town.open());
  town.agent.printer.udp[161] = [](Bytes) { return Buffer(1'233); };
  const auto flow = town.alice.open_udp(town.printer(IpVersion::v6), 161);
  town.alice.send_datagram(flow, "bulk");
  town.world.run(seconds(2));
  EXPECT_TRUE(town.alice.flow(flow).datagrams.empty());
  const auto refused = town.agent.all<pair::Refused>();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].why, pair::RefusedFor::too_large);
  EXPECT_EQ(refused[0].protocol, pair::Protocol::udp);
  EXPECT_EQ(refused[0].ports, (std::vector<pair::PortAttempts>{{161, 161, 1}}));
}

// As tools do that ask each question from a socket of its own.
TEST(Datagrams, questions_from_fresh_ports_by_the_thousand_are_answered_and_leave_the_page_loading) {
  Town town;
  ASSERT_TRUE(town.open());
  std::vector<netstack::FlowId> asked;
  for (int i = 0; i < 3'072; i++) {
    asked.push_back(town.alice.open_udp(town.printer(), 161));
    town.alice.send_datagram(asked.back(), "question");
    if (i % 16 == 15) town.world.run(milliseconds(20));
  }
  town.world.run(seconds(1));
  const auto answered =
      std::ranges::count_if(asked, [&](auto id) { return town.alice.flow(id).datagrams.size() == 1; });
  EXPECT_EQ(answered, 3'072);
  EXPECT_EQ(town.fetch(), WebPage::page);
  EXPECT_EQ(town.agent.count<pair::Refused>(), 0u);
  EXPECT_LE(town.agent.open_flows(), tunnel::Flows::of_one_max);
  EXPECT_EQ(echoed(town, 10), 10u) << "and one more";
}

TEST(Datagrams, questions_that_nobody_answers_leave_the_page_loading_and_are_refused_out_loud) {
  Town town;
  ASSERT_TRUE(town.open());
  town.agent.printer.answers_udp = false;
  for (int i = 0; i < 3'072; i++) {
    town.alice.send_datagram(town.alice.open_udp(town.printer(), 161), "question");
    if (i % 16 == 15) town.world.run(milliseconds(12));
  }
  EXPECT_EQ(town.fetch(), WebPage::page);
  town.world.run(seconds(2));
  const auto refused = town.agent.all<pair::Refused>();
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused[0].why, pair::RefusedFor::too_many);
  EXPECT_EQ(refused[0].ports[0].first, 161);
  town.world.run(tunnel::Flows::unanswered_patience);
  town.agent.printer.answers_udp = true;
  EXPECT_EQ(echoed(town, 10), 10u) << "those that were not answered give their places back, too";
}

}  // namespace
}  // namespace quoin::simulation
