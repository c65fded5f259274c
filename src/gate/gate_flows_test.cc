// What a tunnel may have fetched for it while its device is open, and what is written down about it.
#include <algorithm>

#include <gtest/gtest.h>

#include "gate/session.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

pair::DialService dial(pair::RequestId id, std::uint16_t port = 80, int engineer = 1) {
  return {id, node_key(engineer), pair::Transport::tcp, port};
}
std::optional<pair::Unanswered> failure_of(const Site& site, SessionId session, pair::RequestId id) {
  for (const auto& each : site.told<pair::Failed>(session)) {
    if (each.request == id) return each.why;
  }
  return std::nullopt;
}
bool connected(const Site& site, SessionId session, pair::RequestId id) {
  for (const auto& each : site.told<pair::Connected>(session)) {
    if (each.request == id) return true;
  }
  return false;
}

TEST(GateFlows, a_flow_is_recorded_when_it_opens_and_with_its_bytes_when_it_ends) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, dial(9));
  EXPECT_TRUE(connected(site, session, 9));
  EXPECT_NE(site.last_record("flow_opened")
                .find("\"flow\":1,\"engineer\":\"alice@example.com\",\"service\":\"web\","
                      "\"transport\":\"tcp\",\"port\":80"),
            std::string::npos)
      << site.last_record("flow_opened");
  site.say(session, pair::FlowClosed{9, 1000, 20'000'000});
  EXPECT_NE(site.last_record("flow").find("\"bytes_to_device\":1000,\"bytes_to_engineer\":20000000"), std::string::npos)
      << site.last_record("flow");
  EXPECT_TRUE(site.audit_is_whole());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, a_flow_carries_nothing_before_its_record_is_in_the_file) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.hold_appends = true;
  site.say(session, dial(9));
  EXPECT_EQ(site.device_dials(), 1U);
  EXPECT_FALSE(connected(site, session, 9));
  EXPECT_EQ(site.handles.size(), 1U);
  site.release_appends();
  EXPECT_TRUE(connected(site, session, 9));
  EXPECT_TRUE(site.handles.empty());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, nothing_is_begun_at_the_device_while_a_record_that_must_be_on_disk_is_not) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.hold_appends = true;
  site.command(CloseRequest{"no such device"});  // a refusal, which is recorded
  site.say(session, dial(9));
  site.say(session, pair::PingDevice{10, node_key(1), 56});
  site.pass(seconds(15));
  EXPECT_EQ(site.device_dials(), 0U);
  EXPECT_TRUE(site.pings.empty());
  site.release_appends();
  EXPECT_TRUE(connected(site, session, 9));
  EXPECT_EQ(site.told<pair::Pinged>(session).size(), 1U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, what_waits_for_its_record_ends_with_the_session_and_leaks_nothing) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.hold_appends = true;
  site.say(session, dial(9));
  site.command(CloseRequest{"mfp"});
  EXPECT_TRUE(site.handles.empty());
  site.release_appends();
  EXPECT_FALSE(connected(site, session, 9));
  EXPECT_EQ(site.records("flow_opened"), site.records("flow"));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, a_flow_that_its_tunnel_calls_over_before_it_has_it_is_not_handed_over) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.hold_appends = true;
  site.say(session, dial(9));
  site.say(session, pair::FlowClosed{9, 0, 0});
  site.release_appends();
  EXPECT_FALSE(connected(site, session, 9));
  EXPECT_EQ(failure_of(site, session, 9), pair::Unanswered::not_allowed);
  EXPECT_TRUE(site.handles.empty());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, a_flow_that_a_killed_tunnel_never_reported_is_recorded_without_bytes) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, dial(9));
  site.exit_child(session, "signal 9");
  ASSERT_EQ(site.records("flow"), 1U);
  EXPECT_EQ(site.last_record("flow").find("bytes"), std::string::npos);
}

TEST(GateFlows, only_admitted_engineers_and_opened_ports_are_dialled) {
  Site site;
  site.command(OpenRequest{"mfp", "30m", "web", {}, ""});
  site.say(1, dial(2));
  EXPECT_EQ(failure_of(site, 1, 2), pair::Unanswered::not_allowed);  // nobody is admitted yet
  site.say(1, pair::Admit{node_key(1), "alice@example.com", false});
  site.say(1, pair::Admit{node_key(2), "mallory@example.com", false});
  pair::RequestId id = 10;
  for (const std::uint16_t port : {0, 22, 9100, 65535}) site.say(1, dial(++id, port));
  site.say(1, pair::DialService{++id, node_key(1), pair::Transport::udp, 80});
  site.say(1, dial(++id, 80, 2));
  site.say(1, dial(++id, 80, 3));
  site.say(1, pair::PingDevice{++id, node_key(1), 56});  // ping is not opened either
  for (pair::RequestId each = 11; each <= id; each++) {
    EXPECT_EQ(failure_of(site, 1, each), pair::Unanswered::not_allowed) << each;
  }
  EXPECT_EQ(site.device_dials(), 0U);
  EXPECT_TRUE(site.pings.empty());
  EXPECT_EQ(site.records("attempts"), 7U);  // two of the nine are like the first
  site.say(1, dial(++id));
  EXPECT_TRUE(connected(site, 1, id));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, a_refused_connection_and_a_silent_device_are_told_apart) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, dial(2, 631));
  EXPECT_EQ(failure_of(site, session, 2), pair::Unanswered::refused);
  site.pass(seconds(10));
  site.neighbours.clear();
  site.say(session, dial(3));
  EXPECT_EQ(failure_of(site, session, 3), pair::Unanswered::unreachable);
  EXPECT_EQ(site.running(), 1U);  // it may only be asleep
}

TEST(GateFlows, concurrent_dials_have_a_limit_and_come_free_again) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::Admit{node_key(2), "bob@example.com", false});
  site.hold_dials = true;
  pair::RequestId id = 100;
  for (std::size_t i = 0; i < Errands::device_dials_of_one_max; i++) site.say(session, dial(id++));
  for (std::size_t i = 0; i < Errands::device_dials_max; i++) site.say(session, dial(id++, 80, 2));
  EXPECT_EQ(site.device_dials(), Errands::device_dials_max);
  EXPECT_EQ(failure_of(site, session, id - 1), pair::Unanswered::too_many);
  site.hold_dials = false;
  site.release_dials();
  site.say(session, dial(1000));
  EXPECT_TRUE(connected(site, session, 1000));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, open_flows_have_a_limit) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::Admit{node_key(2), "bob@example.com", false});
  pair::RequestId id = 1000;
  for (std::size_t i = 0; i < Flows::open_of_one_max; i++) site.say(session, dial(id++));
  for (std::size_t i = Flows::open_of_one_max; i < Flows::open_max; i++) site.say(session, dial(id++, 80, 2));
  site.say(session, dial(9999, 80, 2));
  EXPECT_EQ(failure_of(site, session, 9999), pair::Unanswered::too_many);
  EXPECT_EQ(site.records("flow_opened"), Flows::open_max);
  site.say(session, pair::FlowClosed{1000, 0, 0});
  site.say(session, dial(10'000));
  EXPECT_TRUE(connected(site, session, 10'000));
}

TEST(GateFlows, one_engineer_cannot_keep_another_out_with_open_flows) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::Admit{node_key(2), "bob@example.com", false});
  site.say(session, pair::Admit{node_key(3), "alice@example.com", false});  // another machine of hers
  for (pair::RequestId id = 1000; id < 1000 + Flows::open_max; id++) site.say(session, dial(id, 80, id % 2 ? 1 : 3));
  EXPECT_EQ(site.records("flow_opened"), Flows::open_of_one_max);
  site.say(session, dial(10'000, 80, 2));
  EXPECT_TRUE(connected(site, session, 10'000));
}

TEST(GateFlows, one_engineer_cannot_keep_another_out_with_dials_that_hang) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::Admit{node_key(2), "bob@example.com", false});
  site.hold_dials = true;
  for (pair::RequestId id = 100; id < 100 + Errands::device_dials_max; id++) site.say(session, dial(id));
  EXPECT_EQ(site.device_dials(), Errands::device_dials_of_one_max);
  site.hold_dials = false;
  site.say(session, dial(1000, 80, 2));
  EXPECT_TRUE(connected(site, session, 1000));
}

TEST(GateFlows, one_engineer_cannot_use_up_the_flows_that_another_may_begin) {
  Site site;
  const SessionId session = site.open_with_alice("mfp", "4h");
  site.say(session, pair::Admit{node_key(2), "bob@example.com", false});
  pair::RequestId id = 1000;
  for (std::uint64_t i = 0; i < Flows::opened_burst; i++) {
    site.say(session, dial(id));
    site.say(session, pair::FlowClosed{id++, 0, 0});
    if (i % 1000 == 999) site.pass(milliseconds(900));
  }
  EXPECT_LT(site.records("flow_opened"), Flows::opened_of_one_burst + 20 * Flows::opened_of_one_per_second);
  site.say(session, dial(id, 80, 2));
  EXPECT_TRUE(connected(site, session, id));
}

TEST(GateFlows, pings_reach_only_the_device_and_are_one_flow) {
  Site site;
  const SessionId session = site.open_with_alice();
  for (pair::RequestId id = 5; id < 8; id++) site.say(session, pair::PingDevice{id, node_key(1), 56});
  EXPECT_EQ(site.told<pair::Pinged>(session).size(), 3U);
  site.answers_pings = false;
  site.say(session, pair::PingDevice{8, node_key(1), 56});
  EXPECT_EQ(failure_of(site, session, 8), pair::Unanswered::timed_out);
  site.say(session, pair::PingDevice{9, node_key(1), 65'508});
  EXPECT_EQ(failure_of(site, session, 9), pair::Unanswered::not_allowed);
  ASSERT_EQ(site.pings.size(), 4U);
  for (const Ping& ping : site.pings) EXPECT_EQ(ping.address, at("192.168.77.21"));
  EXPECT_EQ(site.records("flow_opened"), 1U);
  site.command(CloseRequest{});
  EXPECT_NE(
      site.last_record("flow").find(
          "\"transport\":\"icmp\",\"requests\":4,\"answers\":3,\"bytes_to_device\":224,\"bytes_to_engineer\":168"),
      std::string::npos)
      << site.last_record("flow");
}

TEST(GateFlows, a_ping_that_its_tunnel_calls_over_before_it_is_sent_is_not_sent) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.hold_appends = true;
  site.say(session, pair::PingDevice{10, node_key(1), 56});
  site.say(session, pair::FlowClosed{10, 0, 0});
  site.say(session, pair::PingDevice{11, node_key(1), 28});  // which is another flow
  site.release_appends();
  EXPECT_EQ(failure_of(site, session, 10), pair::Unanswered::not_allowed);
  ASSERT_EQ(site.pings.size(), 1U);
  EXPECT_EQ(site.pings.front().payload_bytes, 28);
  site.command(CloseRequest{});
  EXPECT_NE(site.last_record("flow").find(
                "\"transport\":\"icmp\",\"requests\":1,\"answers\":1,\"bytes_to_device\":28,\"bytes_to_engineer\":28"),
            std::string::npos)
      << site.last_record("flow");
  EXPECT_EQ(site.records("flow_opened"), site.records("flow"));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, one_engineer_cannot_keep_another_out_with_pings_that_wait) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::Admit{node_key(2), "bob@example.com", false});
  site.hold_appends = true;
  for (pair::RequestId id = 100; id < 100 + Errands::pings_max; id++) {
    site.say(session, pair::PingDevice{id, node_key(1), 56});
  }
  site.say(session, pair::PingDevice{200, node_key(2), 56});
  site.release_appends();
  EXPECT_EQ(site.pings.size(), Errands::pings_of_one_max + 1);
  const auto answered = site.told<pair::Pinged>(session);
  EXPECT_TRUE(std::ranges::any_of(answered, [](const pair::Pinged& each) { return each.request == 200; }));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, an_lpd_connection_from_a_privileged_port_is_dialled_from_one_and_no_other_is) {
  Site site;
  site.command(OpenRequest{"mfp", "30m", "all", {}, ""});
  const SessionId session = 1;
  site.say(session, pair::Admit{node_key(1), "alice@example.com", false});
  pair::RequestId id = 100;
  for (const std::uint16_t port : {515, 80})
    site.say(session, pair::DialService{++id, node_key(1), pair::Transport::tcp, port, 721});
  site.say(session, pair::DialService{++id, node_key(1), pair::Transport::udp, 515, 721});
  std::vector<std::uint16_t> from;
  for (const Dial& dial : site.dials) {
    if (dial.candidates.front().address == at("192.168.77.21")) from.push_back(dial.local_port);
  }
  EXPECT_EQ(from, (std::vector<std::uint16_t>{721, 0, 0}));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFlows, an_engineer_is_let_in_once_the_record_is_on_disk) {
  Site site;
  site.open("mfp");
  site.hold_appends = true;
  site.say(1, pair::Admit{node_key(1), "alice@example.com", false});
  site.say(1, pair::Admit{node_key(1), "alice@example.com", false});
  EXPECT_TRUE(site.told<pair::Admission>(1).empty());
  site.say(1, dial(5));
  EXPECT_EQ(failure_of(site, 1, 5), pair::Unanswered::not_allowed);
  site.release_appends();
  ASSERT_EQ(site.told<pair::Admission>(1).size(), 1U);
  EXPECT_TRUE(site.told<pair::Admission>(1)[0].admitted);
  EXPECT_EQ(site.records("engineer_admitted"), 1U);
  site.say(1, dial(6));
  EXPECT_TRUE(connected(site, 1, 6));
}

TEST(GateFlows, each_node_is_judged_and_recorded_once) {
  Site site;
  site.open("mfp");
  for (int i = 0; i < 3; i++) {
    site.say(1, pair::Admit{node_key(1), "alice@example.com", false});
    site.say(1, pair::Admit{node_key(2), "mallory@example.com", false});
    site.say(1, pair::Admit{node_key(3), "alice@example.com", true});
  }
  EXPECT_EQ(site.records("engineer_admitted"), 1U);
  EXPECT_EQ(site.records("engineer_refused"), 2U);
  // The same node under another name: whoever says so lies now or lied before.
  site.say(1, pair::Admit{node_key(1), "bob@example.com", false});
  EXPECT_FALSE(site.told<pair::Admission>(1).back().admitted);
  site.say(1, pair::Admit{node_key(1), "alice@example.com", false});
  EXPECT_FALSE(site.told<pair::Admission>(1).back().admitted);
  site.say(1, dial(5));
  EXPECT_EQ(failure_of(site, 1, 5), pair::Unanswered::not_allowed);
  EXPECT_EQ(site.records("engineer_refused"), 3U);
}

TEST(GateFlows, neither_the_nodes_own_key_nor_no_key_is_an_engineer) {
  Site site;
  site.open("mfp");
  site.say(1, pair::Admit{crypto::NodePublicKey(), "alice@example.com", false});
  site.say(1, pair::Admit{node_key(0x41), "alice@example.com", false});
  for (const auto& each : site.told<pair::Admission>(1)) EXPECT_FALSE(each.admitted);
  EXPECT_EQ(site.told<pair::Admission>(1).size(), 2U);
}

TEST(GateFlows, what_control_asked_for_in_vain_is_recorded_once) {
  Site site;
  const SessionId session = site.open_with_alice();
  for (int i = 0; i < 3; i++) site.say(session, pair::ControlIgnored{"DNSConfig"});
  for (int i = 0; i < 100; i++) site.say(session, pair::ControlIgnored{"feature " + std::to_string(i)});
  EXPECT_EQ(site.records("control_ignored"), Session::features_written_max);
}

TEST(GateFlows, problems_show_in_the_status_until_they_are_solved) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::Problem{pair::ProblemKind::relay_unreachable, "timed out"});
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->open->front().problem, "no relay can be reached (timed out)");
  site.say(session, pair::Solved{pair::ProblemKind::relay_unreachable});
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->open->front().problem, "");
  EXPECT_EQ(site.running(), 1U);
}

TEST(GateFlows, udp_sockets_can_be_replaced_at_any_time) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.bound_udp.insert(801);
  site.give(UdpBound{session, 801, std::nullopt});
  const auto told = site.told<pair::UdpSockets>(session);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_TRUE(told[1].has_ipv4);
  EXPECT_FALSE(told[1].has_ipv6);
  EXPECT_EQ(site.bound_udp, std::set<HandleId>{801});
  EXPECT_TRUE(site.handles.empty());
}

}  // namespace
}  // namespace quoin::gate
