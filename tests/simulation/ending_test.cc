// How a session ends, and that nothing passes afterwards.
#include "town.h"

namespace quoin::simulation {
namespace {

GateScript for_minutes(int count) {
  GateScript script;
  script.warrant = minutes(count);
  return script;
}

TEST(Ending, nothing_passes_after_its_own_deadline_whatever_the_gate_does) {
  Town town({.script = for_minutes(5)});
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  while (town.world.now < town.agent.deadline() - seconds(1)) ASSERT_TRUE(town.echoes(echo, "tick"));
  std::uint64_t late = 0;
  town.servers.amsterdam.watch = town.servers.frankfurt.watch = [&](const auto& from, const auto&, Bytes) {
    if (from == *town.agent.node_key() && town.world.now > town.agent.deadline() + Internet::latency) late++;
  };
  const auto go_on_until = [&](Instant end) {
    while (town.world.now < end) {
      town.alice.send(echo, "x");
      town.world.run(std::min<Duration>(milliseconds(1), end - town.world.now));
    }
  };
  go_on_until(town.agent.deadline());
  town.customer.datagrams_out = 0;
  go_on_until(town.agent.deadline() + seconds(5));
  EXPECT_LT(town.agent.printer_heard_at(), town.agent.deadline());
  EXPECT_GT(town.agent.printer_heard_at(), town.agent.deadline() - milliseconds(10));
  EXPECT_EQ(town.customer.datagrams_out, 0u);
  EXPECT_EQ(late, 0u);
  EXPECT_EQ(town.agent.end(), tunnel::EndReason::deadline);
  EXPECT_LT(town.agent.ended_at(), town.agent.deadline() + seconds(1));
  ASSERT_EQ(town.agent.count<pair::LoggedOut>(), 1u);
  EXPECT_TRUE(town.agent.all<pair::LoggedOut>()[0].told);
  EXPECT_FALSE(town.servers.control.box.knows(*town.agent.node_key()));
  EXPECT_EQ(town.agent.open_flows(), 0u);
  EXPECT_TRUE(town.agent.service(0)->got_reset());
}

TEST(Ending, what_waits_for_a_relay_at_the_deadline_never_leaves) {
  Town town({.script = for_minutes(5)});
  town.agent.printer.tcp[8080] = [] { return std::make_shared<Download>(20'000'000); };
  ASSERT_TRUE(town.open());
  town.no_udp();
  town.world.run(town.agent.deadline() - seconds(2) - town.world.now);
  town.alice.connect(town.printer(), 8080);
  std::uint64_t before = 0;
  std::uint64_t late = 0;
  town.servers.amsterdam.watch = town.servers.frankfurt.watch = [&](const auto& from, const auto&, Bytes) {
    if (from != *town.agent.node_key()) return;
    (town.world.now > town.agent.deadline() + Internet::latency ? late : before)++;
  };
  town.world.run(seconds(10));
  EXPECT_GT(before, 1'000u);
  EXPECT_EQ(late, 0u);
}

// A connection that both sides have ended, with bytes still on their way to the printer for as long as the script says.
void end_in_order(Town& town) {
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "all"));
  town.alice.finish(echo);
  ASSERT_TRUE(town.world.run_until([&] { return town.agent.service(0)->got_closed(); }, seconds(60)));
  EXPECT_FALSE(town.agent.service(0)->got_reset());
}

TEST(Ending, a_flow_that_ended_in_order_is_reported_closed_once_the_device_has_everything) {
  Town town({.script = {.ending_time = seconds(30)}});
  ASSERT_TRUE(town.open());
  end_in_order(town);
  town.world.run(seconds(29));
  EXPECT_EQ(town.agent.count<pair::FlowClosed>(), 0u);
  EXPECT_EQ(town.agent.open_flows(), 1u);
  town.world.run(seconds(2));
  ASSERT_EQ(town.agent.count<pair::FlowClosed>(), 1u);
  EXPECT_EQ(town.agent.all<pair::FlowClosed>()[0].bytes_to_device, 3u);
}

TEST(Ending, the_session_waits_for_a_flow_that_ended_in_order_no_longer_than_its_logout_may_take) {
  for (const Duration ending_time : {Duration(milliseconds(300)), Duration(hours(1))}) {
    Town town({.script = {.ending_time = ending_time}});
    ASSERT_TRUE(town.open());
    end_in_order(town);
    const Instant asked_at = town.world.now;
    town.agent.close();
    town.world.run(seconds(5));
    ASSERT_TRUE(town.agent.end());
    EXPECT_GE(town.agent.ended_at() - asked_at, std::min<Duration>(ending_time, milliseconds(900)) - milliseconds(10));
    EXPECT_LE(town.agent.ended_at() - asked_at, milliseconds(900));
    EXPECT_EQ(town.agent.open_flows(), 0u);
    EXPECT_TRUE(town.agent.all<pair::LoggedOut>()[0].told);
  }
}

TEST(Ending, a_flow_that_ended_in_order_is_cut_with_its_engineer) {
  Town town({.script = {.ending_time = hours(1)}});
  ASSERT_TRUE(town.open());
  end_in_order(town);
  town.servers.control.box.delete_node(town.alice.node_key());
  town.servers.control.pump();
  town.world.run(seconds(5));
  EXPECT_EQ(town.agent.open_flows(), 0u);
}

TEST(Ending, a_later_end_counts_if_it_is_heard_before_the_first_one) {
  Town town({.script = for_minutes(5)});
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  const Instant first = town.agent.deadline();
  town.world.run(minutes(3));
  town.agent.extend(first + minutes(5));
  town.world.run(minutes(4));
  EXPECT_GT(town.world.now, first);
  EXPECT_TRUE(town.echoes(echo, "still here"));
  town.world.run(minutes(4));
  EXPECT_EQ(town.agent.end(), tunnel::EndReason::deadline);
  EXPECT_LT(town.agent.ended_at(), town.agent.deadline() + seconds(1));
}

TEST(Ending, a_later_end_that_comes_too_late_revives_nothing) {
  Town town({.script = for_minutes(5)});
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto bytes = town.agent.printer_bytes();
  town.servers.control.box.moods.silent = true;  // so that the logout takes its time
  town.world.run(town.agent.deadline() + milliseconds(1) - town.world.now);
  ASSERT_FALSE(town.agent.end());
  town.agent.extend(town.agent.deadline() + hours(1));
  town.alice.send(echo, "after");
  town.world.run(seconds(5));
  EXPECT_TRUE(town.agent.end());
  EXPECT_EQ(town.agent.printer_bytes(), bytes);
}

TEST(Ending, the_deadline_holds_through_sleep) {
  Town town({.script = for_minutes(5)});
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto bytes = town.agent.printer_bytes();
  town.world.now += minutes(10);  // nobody was woken
  town.alice.send(echo, "after");
  town.world.run(seconds(5));
  EXPECT_EQ(town.agent.printer_bytes(), bytes);
  EXPECT_TRUE(town.agent.end());
}

TEST(Ending, the_gate_says_close) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto key = *town.agent.node_key();
  town.agent.close();
  ASSERT_TRUE(town.world.run_until([&] { return town.agent.end().has_value(); }, seconds(1)));
  EXPECT_EQ(town.agent.end(), tunnel::EndReason::logged_out);
  EXPECT_TRUE(town.agent.all<pair::LoggedOut>().back().told);
  EXPECT_FALSE(town.servers.control.box.knows(key));
  EXPECT_EQ(town.agent.open_flows(), 0u);
}

TEST(Ending, a_control_server_that_is_gone_does_not_hold_it_up) {
  Town town;
  ASSERT_TRUE(town.open());
  town.servers.control.box.moods.silent = true;
  const Instant asked = town.world.now;
  town.agent.close();
  ASSERT_TRUE(town.world.run_until([&] { return town.agent.end().has_value(); }, seconds(5)));
  EXPECT_LE(town.agent.ended_at(), asked + milliseconds(900));
  ASSERT_EQ(town.agent.count<pair::LoggedOut>(), 1u);
  EXPECT_FALSE(town.agent.all<pair::LoggedOut>()[0].told);
}

TEST(Ending, it_can_be_closed_before_it_has_begun) {
  Town town;
  town.servers.control.box.moods.silent = true;
  town.world.run(seconds(3));
  town.agent.close();
  EXPECT_TRUE(town.world.run_until([&] { return town.agent.end().has_value(); }, seconds(1)));
}

TEST(Ending, another_address_ends_the_session) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto key = *town.agent.node_key();
  control::MapResponse message;
  message.node = town.servers.control.box.node(key);
  message.node->addresses = {Prefix::parse("100.64.9.9").value()};
  town.servers.control.box.send(key, message);
  town.servers.control.pump();
  ASSERT_TRUE(town.world.run_until([&] { return town.agent.end().has_value(); }, seconds(2)));
  EXPECT_EQ(town.agent.end(), tunnel::EndReason::addresses_changed);
  EXPECT_EQ(town.agent.count<pair::Registered>(), 2u) << "the gate hears of the new addresses";
  EXPECT_FALSE(town.servers.control.box.knows(key)) << "it logs out all the same";
}

TEST(Ending, a_forgotten_node_registers_again_with_the_same_keys) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto key = *town.agent.node_key();
  town.servers.control.box.delete_node(key);
  town.servers.control.pump();
  ASSERT_TRUE(town.world.run_until([&] { return town.servers.control.box.knows(key); }, minutes(15)));
  EXPECT_EQ(town.agent.count<pair::WantJoinKey>(), 2u);
  EXPECT_GT(town.agent.count<pair::Problem>(), 0u);
  // This server gives a new node a new address, and under another address a session does not go on.
  ASSERT_TRUE(town.world.run_until([&] { return town.agent.end().has_value(); }, seconds(5)));
  EXPECT_EQ(town.agent.end(), tunnel::EndReason::addresses_changed);
}

TEST(Ending, a_peer_that_the_control_server_removes_loses_its_flows_at_once) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto bytes = town.agent.printer_bytes();
  town.servers.control.box.delete_node(town.alice.node_key());
  town.servers.control.pump();
  town.world.run(milliseconds(100));
  EXPECT_TRUE(town.agent.service(0)->got_reset());
  EXPECT_EQ(town.agent.open_flows(), 0u);
  town.alice.send(echo, "after");
  town.world.run(seconds(30));
  EXPECT_EQ(town.agent.printer_bytes(), bytes);
}

void expect_cut(Town& town, netstack::FlowId echo, std::uint64_t bytes) {
  EXPECT_TRUE(town.agent.service(0)->got_reset());
  EXPECT_EQ(town.agent.open_flows(), 0u);
  town.alice.send(echo, "after");
  town.world.run(seconds(30));
  EXPECT_EQ(town.agent.printer_bytes(), bytes);
}

// What the control server says of alice's key to the agent.
void set_key_expiry(Town& town, std::int64_t unix_seconds, std::optional<std::int64_t> servers_clock = std::nullopt) {
  control::MapResponse message;
  const auto alice = town.servers.control.box.node(town.alice.node_key());
  control::PeerChange change;
  change.node_id = alice->id;
  change.key_expiry = control::Timestamp{unix_seconds};
  message.peers_changed_patch.push_back(std::move(change));
  if (servers_clock) message.control_time = control::Timestamp{*servers_clock};
  town.servers.control.box.send(*town.agent.node_key(), message);
  town.servers.control.pump();
}

TEST(Ending, rules_of_the_control_server_that_become_narrower_cut_what_they_forbid_and_nothing_else) {
  Town town;
  town.agent.printer.tcp[8] = [] { return std::make_shared<Echo>(); };
  ASSERT_TRUE(town.open());
  const auto cut = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(cut, "before"));
  const auto stays = town.alice.connect(town.printer(), 8);
  ASSERT_TRUE(town.echoes(stays, "before"));
  const auto snmp = town.alice.open_udp(town.printer(), 161);
  town.alice.send_datagram(snmp, "get");
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(snmp).datagrams.size() == 1; }, seconds(5)));
  ASSERT_EQ(town.agent.open_flows(), 3u);

  control::MapResponse message;
  control::FilterRules narrower = town.servers.control.box.filter;
  narrower[0].dst_ports[0].ports = {8, 8};
  message.packet_filters.emplace()["base"] = narrower;
  town.servers.control.box.send(*town.agent.node_key(), message);
  town.servers.control.pump();
  town.world.run(milliseconds(100));
  EXPECT_TRUE(town.agent.service(0)->got_reset());
  EXPECT_TRUE(town.alice.flow(cut).closed);
  EXPECT_EQ(town.agent.open_flows(), 1u);
  EXPECT_TRUE(town.echoes(stays, "after"));
}

TEST(Ending, a_peer_whose_key_expires_by_our_own_calendar_loses_its_flows_in_that_second) {
  Town town;
  const Instant began = town.world.now;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto bytes = town.agent.printer_bytes();
  // The server's clock is an hour slow: it prolongs nothing.
  const Instant expiry = town.world.now + seconds(100);
  const std::int64_t calendar = 1'790'000'000 + std::chrono::floor<seconds>(expiry - began).count();
  set_key_expiry(town, calendar, calendar - 3600);
  town.world.run(seconds(98));
  ASSERT_EQ(town.agent.open_flows(), 1u);
  town.world.run(seconds(2));
  expect_cut(town, echo, bytes);
}

TEST(Ending, a_peer_whose_key_expires_by_the_control_servers_clock_loses_its_flows) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto bytes = town.agent.printer_bytes();
  set_key_expiry(town, 1'900'000'000, 1'900'000'000 - 10);
  town.world.run(seconds(9));
  ASSERT_EQ(town.agent.open_flows(), 1u);
  town.world.run(seconds(2));
  expect_cut(town, echo, bytes);
}

TEST(Ending, a_refused_join_key_is_said_and_ends_quietly) {
  Town town({.script = {.join_key = "used-up"}});
  town.world.run(seconds(5));
  const auto problems = town.agent.all<pair::Problem>();
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.back().kind, pair::ProblemKind::join_key_refused);
  EXPECT_EQ(town.agent.count<pair::WantJoinKey>(), 1u);
  town.agent.close();
  EXPECT_TRUE(town.world.run_until([&] { return town.agent.end().has_value(); }, seconds(1)));
}

TEST(Ending, a_server_that_does_not_register_is_a_problem_with_words) {
  Town town;
  town.servers.control.box.moods.register_status = 500;
  town.world.run(seconds(10));
  const auto problems = town.agent.all<pair::Problem>();
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.back().kind, pair::ProblemKind::control_unreachable);
  town.servers.control.box.moods.register_status = 200;
  EXPECT_TRUE(town.open());
}

TEST(Ending, a_gate_that_never_answers_costs_little_and_ends_at_the_deadline) {
  GateScript script = for_minutes(60);
  script.answers = false;
  Town town({.script = script});
  town.world.run(minutes(61));
  EXPECT_EQ(town.agent.end(), tunnel::EndReason::deadline);
  EXPECT_LT(town.agent.said.size(), 2'000u);
}

TEST(Ending, a_gate_that_falls_silent_leaves_engineers_without_answer_and_nothing_grows) {
  Town town;
  ASSERT_TRUE(town.open());
  town.agent.script.answers = false;
  for (int i = 0; i < 600; i++) {
    town.alice.connect(town.printer(), 80);
    town.alice.ping(town.printer());
    town.world.run(milliseconds(200));
  }
  town.world.run(minutes(3));
  EXPECT_LE(town.agent.count<pair::PingDevice>(), tunnel::Tunnel::echoes_max);
  town.agent.script.answers = true;
  EXPECT_EQ(town.fetch(), WebPage::page);
}

}  // namespace
}  // namespace quoin::simulation
