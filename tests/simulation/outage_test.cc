// What breaks and comes back while a session runs.
#include "town.h"

namespace quoin::simulation {
namespace {

TEST(Outages, udp_is_cut_and_the_conversation_goes_on_over_the_relay_and_then_directly_again) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  town.customer.udp_passes = false;
  EXPECT_TRUE(town.echoes(echo, "still here"));
  for (int i = 0; i < 20; i++) EXPECT_TRUE(town.echoes(echo, "x"));
  town.world.run(seconds(15));
  EXPECT_TRUE(town.echoes(echo, "by the relay"));
  EXPECT_TRUE(town.is_relayed());
  town.customer.udp_passes = true;
  EXPECT_TRUE(town.go_direct(echo));
}

TEST(Outages, a_nat_that_forgets_everything_costs_a_moment) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  town.customer.nat.forget_all();
  EXPECT_TRUE(town.echoes(echo, "still here"));
  EXPECT_TRUE(town.go_direct(echo));
}

TEST(Outages, new_sockets_in_the_middle_of_a_conversation) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  town.agent.replace_sockets();
  EXPECT_TRUE(town.echoes(echo, "still here"));
  EXPECT_TRUE(town.go_direct(echo));
}

TEST(Outages, other_networks_of_the_host_in_the_middle_of_a_conversation) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  auto networks = Town::prefixes("192.168.77.0/24");
  networks.push_back(Prefix::parse("192.168.99.0/24").value());
  const std::size_t before = town.agent.count<pair::WantEndpoint>();
  town.agent.hand_over(pair::OwnPrefixes{networks});
  EXPECT_TRUE(town.agent.sends_to().empty());
  EXPECT_TRUE(town.echoes(echo, "still here", seconds(1)));
  EXPECT_GT(town.agent.count<pair::WantEndpoint>(), before);
  EXPECT_TRUE(town.is_direct());
}

TEST(Outages, where_the_gate_connects_no_socket_for_datagrams_all_goes_over_the_relay) {
  Town town({.script = {.no_endpoints = pair::Unanswered::too_many}});
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  for (int i = 0; i < 30; i++) {
    ASSERT_TRUE(town.echoes(echo, "x"));
    town.world.run(milliseconds(500));
  }
  EXPECT_TRUE(town.is_relayed());
  town.agent.script.no_endpoints.reset();
  EXPECT_TRUE(town.go_direct(echo));
}

class RelayOutages : public ::testing::TestWithParam<bool> {};  // whether it ends its connections or falls silent
INSTANTIATE_TEST_SUITE_P(Ways, RelayOutages, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "silently" : "openly"; });

TEST_P(RelayOutages, all_relays_die_and_return_under_a_relayed_conversation) {
  Town town;
  ASSERT_TRUE(town.open());
  town.no_udp();
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  for (Relay* relay : {&town.servers.amsterdam, &town.servers.frankfurt}) {
    GetParam() ? relay->fall_silent() : relay->go_down();
  }
  town.alice.send(echo, "during");
  town.world.run(seconds(20));
  EXPECT_EQ(town.alice.flow(echo).received, "before");
  for (Relay* relay : {&town.servers.amsterdam, &town.servers.frankfurt}) relay->is_up = true;
  town.alice.send(echo, "after");
  EXPECT_TRUE(town.world.run_until([&] { return town.alice.flow(echo).received == "beforeduringafter"; }, minutes(4)));
}

TEST(Outages, the_home_relay_dies_and_the_other_region_takes_over) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto home = town.agent.all<pair::Online>().back().region;
  town.servers.relay(home)->go_down();
  town.no_udp();
  EXPECT_TRUE(town.echoes(echo, "after", minutes(4)));
  EXPECT_NE(town.agent.all<pair::Online>().back().region, home);
  EXPECT_GT(town.agent.count<pair::Problem>(), 0u);
}

TEST(Outages, direct_conversations_do_not_notice_that_every_server_is_gone) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  town.servers.control.go_down();
  town.servers.amsterdam.go_down();
  town.servers.frankfurt.go_down();
  for (int i = 0; i < 300; i++) {
    ASSERT_TRUE(town.echoes(echo, "x", seconds(1)));
    town.world.run(seconds(1));
  }
}

TEST(Outages, the_control_server_dies_and_returns_with_flows_running) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  town.servers.control.go_down();
  town.world.run(minutes(5));
  EXPECT_TRUE(town.echoes(echo, "during"));
  const auto problems = town.agent.all<pair::Problem>();
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.back().kind, pair::ProblemKind::control_unreachable);
  town.servers.control.is_up = true;
  EXPECT_TRUE(
      town.world.run_until([&] { return town.servers.control.box.streams_to(*town.agent.node_key()); }, minutes(10)));
  town.world.run(seconds(5));
  EXPECT_EQ(town.agent.all<pair::Solved>().back().kind, pair::ProblemKind::control_unreachable);
  EXPECT_EQ(town.agent.count<pair::Registered>(), 1u);
  EXPECT_TRUE(town.echoes(echo, "after"));
}

TEST(Outages, an_engineer_whose_program_starts_anew_is_let_in_again) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  const auto before = town.alice.node_key();
  town.alice.restart();  // with new keys: the control server shows another node of the same person
  town.servers.control.box.delete_node(before);
  town.servers.control.pump();
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.is_online(); }, seconds(20)));
  town.world.run(seconds(1));
  EXPECT_EQ(town.fetch(), WebPage::page);
  EXPECT_EQ(town.agent.open_flows(), 1u) << "the flows of the removed node are closed, the page's is not finished here";
  EXPECT_TRUE(town.agent.service(0)->got_reset());
}

TEST(Outages, a_session_survives_the_hosts_sleep) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  town.world.run(seconds(1));
  // Nobody runs for ten minutes; every connection and every mapping is gone meanwhile.
  town.world.now += minutes(10);
  town.servers.control.go_down();
  town.servers.control.is_up = true;
  for (Relay* relay : {&town.servers.amsterdam, &town.servers.frankfurt}) {
    relay->go_down();
    relay->is_up = true;
  }
  EXPECT_TRUE(town.echoes(echo, "awake again", minutes(2)));
}

}  // namespace
}  // namespace quoin::simulation
