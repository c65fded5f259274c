// Relays that lie about who speaks: in an engineer's name with rubbish, again what the engineer said before, or that
// they have gone.
#include "disco/envelope.h"
#include "town.h"

namespace quoin::simulation {
namespace {

// Both relays are connected to the agent, and which of them leads to alice is only known by what comes from there.
bool knows_no_home_of_alice(Town& town, netstack::FlowId echo) {
  const auto move_to = [&](control::RegionId home) {
    control::MapResponse message;
    message.peers_changed_patch.resize(1);
    message.peers_changed_patch[0].node_id = town.servers.control.box.node(town.alice.node_key())->id;
    message.peers_changed_patch[0].derp_region = home;
    town.servers.control.box.send(*town.agent.node_key(), message);
    town.servers.control.pump();
  };
  for (const control::RegionId home : {1, 2}) {
    move_to(home);
    town.world.run(milliseconds(200));
    if (!town.echoes(echo, "x")) return false;
  }
  move_to(9);
  town.world.run(seconds(6));
  return town.servers.amsterdam.serves(*town.agent.node_key()) && town.servers.frankfurt.serves(*town.agent.node_key());
}

constexpr int rounds_of_a_flood = 250;  // of 8 ms: two seconds

TEST(LyingRelays, rubbish_that_relays_send_in_an_engineers_name_is_no_way_to_them) {
  Town town;
  town.no_udp();
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  ASSERT_TRUE(knows_no_home_of_alice(town, echo));
  const std::size_t before = town.agent.said.size();
  const Buffer rubbish(40, std::byte{0x99});
  for (int i = 0; i < rounds_of_a_flood; i++) {
    for (int each = 0; each < 50; each++) {
      town.servers.amsterdam.send_as(town.alice.node_key(), *town.agent.node_key(), rubbish);
      town.servers.frankfurt.send_as(town.alice.node_key(), *town.agent.node_key(), rubbish);
    }
    town.world.run(milliseconds(8));
  }
  EXPECT_EQ(town.agent.said.size(), before) << "not a word about it";
  EXPECT_TRUE(town.echoes(echo, "after"));
  EXPECT_EQ(town.fetch(), WebPage::page);
}

TEST(LyingRelays, relays_that_repeat_what_an_engineer_said_are_told_of_at_a_pace) {
  Town town;
  town.customer.udp_passes = false;  // alice, who can be reached, says so through the relay
  ASSERT_TRUE(town.open());
  std::vector<Buffer> heard;  // of disco, which has no counter
  for (Relay* relay : {&town.servers.amsterdam, &town.servers.frankfurt}) {
    relay->watch = [&](const auto& from, const auto&, Bytes packet) {
      if (from == town.alice.node_key() && disco::looks_like_disco(packet)) heard.push_back(to_buffer(packet));
    };
  }
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  ASSERT_TRUE(knows_no_home_of_alice(town, echo));
  ASSERT_FALSE(heard.empty());
  const std::size_t before = town.agent.said.size();
  for (int i = 0; i < rounds_of_a_flood; i++) {
    for (Relay* relay : {&town.servers.amsterdam, &town.servers.frankfurt}) {
      relay->send_as(town.alice.node_key(), *town.agent.node_key(), heard.front());
      town.world.run(milliseconds(2));
      relay->say_gone(town.alice.node_key(), *town.agent.node_key());
      town.world.run(milliseconds(2));
    }
  }
  const std::size_t told = town.agent.said.size() - before;
  EXPECT_GT(told, 0u) << "the paths did not change";
  EXPECT_LE(told, tunnel::PathReports::of_one_burst + 4) << "in two seconds";
  EXPECT_TRUE(town.echoes(echo, "after"));
}

}  // namespace
}  // namespace quoin::simulation
