// The control server is away for an hour while an engineer works, and what both know when it is back.
#include <algorithm>

#include "town.h"

namespace quoin::simulation {
namespace {

constexpr Duration pace = seconds(1);  // of what is said while it is away

class HourAway : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(town.open());
    echo = town.alice.connect(town.printer(), 7);
    job = town.alice.connect(town.printer(), 9100);
    ASSERT_TRUE(town.go_direct(echo));
    town.internet.watch = [this](Bytes datagram) {
      renewals += datagram.size() == 148 && datagram[0] == std::byte{1};  // WireGuard paper, section 5.4.2
    };
  }

  // Each word comes back before the next is said, and a printer gets its job, byte by byte.
  void talk(Duration how_long) {
    const Instant end = town.world.now + how_long;
    while (town.world.now < end) {
      town.alice.send_pattern(job, 1000);
      job_bytes += 1000;
      ASSERT_TRUE(town.echoes(echo, "x", seconds(30))) << words << " words came back before";
      words++;
      town.world.run(pace);
    }
  }

  void expect_everything_arrived() {
    town.alice.finish(job);
    EXPECT_TRUE(town.world.run_until([&] { return town.alice.flow(job).finished_by_peer; }, minutes(1)));
    EXPECT_EQ(town.alice.flow(job).received, std::to_string(job_bytes) + " right");
    EXPECT_FALSE(town.alice.flow(echo).closed);
    EXPECT_EQ(town.agent.count<pair::Registered>(), 1U) << "it never had to register anew";
    EXPECT_FALSE(town.agent.end());
  }

  bool control_hears_both() const {
    return town.servers.control.box.streams_to(*town.agent.node_key()) &&
           town.servers.control.box.streams_to(town.alice.node_key());
  }

  // Where the control server says that the agent can be reached.
  std::vector<Endpoint> told() const { return town.servers.control.box.node(*town.agent.node_key()).value().endpoints; }

  bool is_away() const {
    const auto problems = town.agent.all<pair::Problem>();
    return !problems.empty() && problems.back().kind == pair::ProblemKind::control_unreachable &&
           town.agent.count<pair::Solved>() == 0;
  }

  void comes_back() {
    town.servers.control.is_up = true;
    ASSERT_TRUE(town.world.run_until([&] { return control_hears_both(); }, minutes(10)));
    town.world.run(seconds(10));
    EXPECT_EQ(town.agent.all<pair::Solved>().back().kind, pair::ProblemKind::control_unreachable);
  }

  Town town;
  netstack::FlowId echo{};
  netstack::FlowId job{};
  std::uint64_t words = 0;
  std::uint64_t job_bytes = 0;
  std::uint64_t renewals = 0;
};

TEST_F(HourAway, flows_go_on_and_keys_are_renewed_without_the_control_server) {
  const auto before = town.alice.flow(echo).received_bytes;
  town.servers.control.go_down();
  talk(hours(1));
  EXPECT_GE(renewals, 28U) << "every two minutes";
  EXPECT_LE(renewals, 62U);
  EXPECT_TRUE(town.is_direct());
  EXPECT_TRUE(is_away()) << "what is wrong is told for all that time";
  comes_back();
  talk(minutes(5));
  EXPECT_EQ(town.alice.flow(echo).received_bytes, before + words) << "nothing came twice or not at all";
  EXPECT_FALSE(told().empty());
  expect_everything_arrived();
}

TEST_F(HourAway, a_path_that_changes_meanwhile_is_found_without_it_and_told_when_it_is_back) {
  const auto endpoints_before = told();
  ASSERT_FALSE(endpoints_before.empty());
  town.servers.control.go_down();
  talk(minutes(15));
  town.customer.udp_passes = false;
  talk(minutes(15));
  EXPECT_TRUE(town.is_relayed());
  town.customer.udp_passes = true;
  town.customer.nat.forget_all();
  town.agent.replace_sockets();  // the host is on another network
  talk(minutes(30));
  EXPECT_TRUE(town.is_direct()) << "found through the relay, without the control server";
  EXPECT_TRUE(is_away());
  EXPECT_EQ(told(), endpoints_before) << "nobody could be told";
  comes_back();
  talk(minutes(1));
  EXPECT_NE(told(), endpoints_before);
  EXPECT_FALSE(told().empty());
  EXPECT_TRUE(town.go_direct(echo));
  expect_everything_arrived();
}

TEST_F(HourAway, who_comes_to_the_network_after_it_is_served_as_if_nothing_had_been) {
  town.servers.control.go_down();
  talk(hours(1));
  comes_back();
  Engineer carol(town.world, town.internet, town.servers, town.desk, "alice-key",
                 Endpoint::parse("10.0.1.3:41641").value());
  ASSERT_TRUE(town.world.run_until([&] { return carol.is_online(); }, seconds(30)));
  const auto page = carol.connect(town.printer(), 80);
  carol.send(page, "GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(town.world.run_until([&] { return carol.flow(page).finished_by_peer; }, seconds(30)));
  EXPECT_EQ(carol.flow(page).received, WebPage::page);
  expect_everything_arrived();
}

}  // namespace
}  // namespace quoin::simulation
