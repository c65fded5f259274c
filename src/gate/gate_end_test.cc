// How an open device becomes shut: by a person, by either clock, by faults, and always in time.
#include <gtest/gtest.h>

#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

void expect_shut(Site& site) {
  EXPECT_EQ(site.running(), 0U);
  EXPECT_EQ(site.gate->open_sessions(), 0U);
  EXPECT_TRUE(site.handles.empty());
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->text, "Nothing is open.");
  EXPECT_TRUE(site.audit_is_whole());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEnd, close_asks_the_tunnel_to_go_and_answers_when_it_is_gone) {
  Site site;
  site.open_with_alice();
  const auto reply = site.reply(site.command(CloseRequest{"mfp"}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, ExitCode::done);
  EXPECT_EQ(reply->text, "mfp is closed.");
  EXPECT_EQ(site.told<pair::Close>(1).size(), 1U);
  EXPECT_FALSE(site.tunnels.at(1).killed);
  EXPECT_NE(site.last_record("closed").find("\"why\":\"a person closed it\",\"by\":\"root\""), std::string::npos);
  expect_shut(site);
}

TEST(GateEnd, a_tunnel_that_does_not_go_is_killed_after_a_second) {
  Site site;
  site.open_with_alice();
  site.manner = SimulatedEdge::Manner::stopped;
  const auto id = site.command(CloseRequest{"mfp"});
  site.pass(milliseconds(999));
  EXPECT_EQ(site.running(), 1U);
  EXPECT_FALSE(site.reply(id));
  site.pass(milliseconds(1));
  EXPECT_TRUE(site.tunnels.at(1).killed);
  EXPECT_EQ(site.reply(id)->code, ExitCode::done);
  expect_shut(site);
}

TEST(GateEnd, a_tunnel_has_a_last_moment_that_needs_nothing_of_the_gate) {
  Site site;
  const Instant opened = site.now;
  const WallTime opened_wall = site.wall;
  site.open_with_alice("mfp", "30m");
  const auto& killed_at = site.tunnels.at(1).killed_at;
  EXPECT_EQ(killed_at.at, opened + minutes(30) + seconds(1));
  EXPECT_EQ(killed_at.wall, opened_wall + minutes(30) + seconds(1));
  site.command(ExtendRequest{"mfp", "1h"});
  EXPECT_EQ(killed_at.at, opened + hours(1) + seconds(1));
  site.manner = SimulatedEdge::Manner::stopped;
  site.command(CloseRequest{"mfp"});
  EXPECT_EQ(killed_at.at, opened + seconds(1));
  EXPECT_EQ(killed_at.wall, opened_wall + seconds(1));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEnd, a_gate_that_notices_late_that_the_time_is_up_gives_no_tunnel_a_second_more) {
  Site site;
  site.open_with_alice("mfp", "45s");
  site.manner = SimulatedEdge::Manner::stopped;
  const Instant last = site.tunnels.at(1).killed_at.at;
  site.now += seconds(45) + milliseconds(900);  // the loop stood still
  site.pass(milliseconds(1));
  ASSERT_TRUE(site.tunnels.at(1).asked_to_go);
  EXPECT_EQ(site.tunnels.at(1).killed_at.at, last);
}

TEST(GateEnd, a_killed_tunnel_that_stays_is_said_and_keeps_its_device_shut) {
  Site site;
  site.open_with_alice();
  site.manner = SimulatedEdge::Manner::stopped;
  site.hold_exits = true;
  const auto id = site.command(CloseRequest{"mfp"});
  site.pass(seconds(7));
  EXPECT_EQ(site.reply(id)->code, ExitCode::failed);
  EXPECT_EQ(site.reply(site.open("mfp"))->text, "mfp is being closed; try again in a moment.");
  site.exit_child(1, "signal 9");
  expect_shut(site);
}

TEST(GateEnd, close_all_closes_everything_and_is_done_when_nothing_is_open) {
  Site site;
  site.open_with_alice("mfp");
  site.open_with_alice("laser");
  EXPECT_EQ(site.reply(site.command(CloseRequest{}))->text, "mfp is closed.\nlaser is closed.");
  expect_shut(site);
  EXPECT_EQ(site.reply(site.command(CloseRequest{}))->text, "Nothing was open.");
  EXPECT_EQ(site.reply(site.command(CloseRequest{"mfp"}))->code, ExitCode::done);
  EXPECT_EQ(site.reply(site.command(CloseRequest{"files"}))->code, ExitCode::wrong_usage);
}

TEST(GateEnd, other_addresses_than_at_first_end_the_session_with_that_reason) {
  Site site;
  const SessionId session = site.open_with_alice();
  const auto key = node_key(0x41);
  site.say(session, pair::Registered{key, "node-1", {at("100.64.0.1")}});
  EXPECT_EQ(site.running(), 1U) << "registering again under the same addresses is no reason";
  site.say(session, pair::Registered{key, "node-1", {at("100.64.0.9")}});
  EXPECT_NE(site.last_record("closed").find("\"why\":\"the control server gave the node other addresses\""),
            std::string::npos);
  expect_shut(site);
}

TEST(GateEnd, close_ends_an_opening_that_is_still_under_way) {
  Site site;
  site.hold_appends = true;
  const auto opening = site.open("mfp");
  const auto closing = site.command(CloseRequest{"mfp"});
  EXPECT_EQ(site.reply(opening)->text, "mfp was closed by root while it was opening.");
  EXPECT_EQ(site.reply(closing)->code, ExitCode::done);
  site.release_appends();
  EXPECT_TRUE(site.tunnels.empty());
  EXPECT_EQ(site.records("closed"), site.records("opened"));
  expect_shut(site);
}

TEST(GateEnd, the_deadline_ends_it_by_the_clock_that_counts_sleep) {
  Site site;
  const SessionId session = site.open_with_alice("mfp", "45s");
  site.pass(seconds(45) - nanoseconds(1));
  site.say(session, pair::DialService{9, node_key(1), pair::Transport::tcp, 80});
  EXPECT_EQ(site.told<pair::Connected>(session).size(), 2U);  // control and this
  site.pass(nanoseconds(1));
  EXPECT_NE(site.last_record("closed").find("the time was up"), std::string::npos);
  expect_shut(site);
}

TEST(GateEnd, a_message_that_arrives_with_the_deadline_is_too_late) {
  Site site;
  const SessionId session = site.open_with_alice("mfp", "45s");
  site.manner = SimulatedEdge::Manner::stopped;
  site.now += seconds(45);  // nobody looked at the timeout yet
  site.wall += seconds(45);
  site.say(session, pair::DialService{9, node_key(1), pair::Transport::tcp, 80});
  EXPECT_EQ(site.device_dials(), 0U);
  EXPECT_EQ(site.told<pair::Close>(session).size(), 1U);
  site.pass(seconds(1));
  expect_shut(site);
}

TEST(GateEnd, a_stopped_tunnel_is_killed_a_second_after_its_deadline) {
  Site site;
  site.open_with_alice("mfp", "45s");
  site.manner = SimulatedEdge::Manner::stopped;
  site.pass(seconds(46) - nanoseconds(1));
  EXPECT_EQ(site.running(), 1U);
  site.pass(nanoseconds(1));
  expect_shut(site);
}

TEST(GateEnd, a_calendar_set_forward_ends_it_at_once_and_set_back_gains_nothing) {
  Site forward;
  forward.open_with_alice("mfp", "30m");
  forward.jump_calendar(hours(24));
  forward.pass(seconds(1));
  expect_shut(forward);

  Site back;
  back.open_with_alice("mfp", "30m");
  back.jump_calendar(-hours(24));
  back.pass(minutes(30) - nanoseconds(1));
  EXPECT_EQ(back.running(), 1U);
  back.pass(nanoseconds(1));
  expect_shut(back);
}

TEST(GateEnd, a_dial_under_way_at_the_end_comes_to_nothing) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.hold_dials = true;
  site.say(session, pair::DialService{9, node_key(1), pair::Transport::tcp, 80});
  ASSERT_EQ(site.device_dials(), 1U);
  const TaskId task = site.dials.back().task;
  site.command(CloseRequest{"mfp"});
  site.handles.insert(7777);  // the device answered at the same moment
  site.give(Dialled{task, 7777, {at("192.168.77.21"), 80}});
  expect_shut(site);
}

TEST(GateEnd, a_tunnel_that_dies_ends_its_warrant) {
  Site site;
  site.open_with_alice();
  site.exit_child(1, "signal 11");
  EXPECT_NE(site.last_record("closed").find("the tunnel ended by itself: signal 11"), std::string::npos);
  expect_shut(site);
}

TEST(GateEnd, a_full_disk_ends_what_is_open_and_the_end_is_recorded_when_there_is_room) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.disk_works = false;
  site.say(session, pair::Admit{node_key(2), "bob@example.com", false});
  EXPECT_EQ(site.running(), 0U);
  EXPECT_EQ(site.records("closed"), 0U);
  site.disk_works = true;
  site.pass(seconds(5));
  EXPECT_NE(site.last_record("closed").find("the audit file cannot be written"), std::string::npos);
  EXPECT_EQ(site.records("engineer_admitted"), 1U);  // bob never was
  expect_shut(site);
}

TEST(GateEnd, another_device_at_the_address_ends_it_when_it_is_dialled) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.pass(seconds(10));
  site.neighbours[at("192.168.77.21")] = {*MacAddress::parse("02:00:00:00:00:99")};
  site.say(session, pair::DialService{9, node_key(1), pair::Transport::tcp, 80});
  EXPECT_EQ(site.device_dials(), 0U);
  ASSERT_EQ(site.told<pair::Failed>(session).size(), 1U);
  EXPECT_EQ(site.told<pair::Failed>(session)[0].why, pair::Unanswered::identity_changed);
  expect_shut(site);
}

TEST(GateEnd, a_host_that_becomes_the_devices_address_or_leaves_its_network_ends_it) {
  for (const InterfaceAddress& added :
       {InterfaceAddress{at("192.168.77.21"), 24}, InterfaceAddress{at("10.0.0.1"), 8}}) {
    Site site;
    site.open_with_alice();
    site.host.interfaces.back() = added;
    site.give(HostChanged{site.host});
    EXPECT_NE(site.last_record("closed").find("the dial guard refuses the device"), std::string::npos);
    expect_shut(site);
  }
}

TEST(GateEnd, a_new_network_of_the_host_is_told_to_the_tunnel) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.host.interfaces.push_back({at("172.16.0.9"), 12});
  site.give(HostChanged{site.host});
  site.give(HostChanged{site.host});
  const auto told = site.told<pair::OwnPrefixes>(session);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(contains(told[0].prefixes, at("172.16.0.1")));
  EXPECT_EQ(site.running(), 1U);
}

TEST(GateEnd, stopping_closes_everything_records_it_and_finishes) {
  Site site;
  site.open_with_alice();
  site.give(StopRequested{});
  EXPECT_TRUE(site.finished);
  EXPECT_EQ(site.records("stopped"), 1U);
  EXPECT_EQ(site.reply(site.open("mfp"))->text, "The agent is stopping.");
  expect_shut(site);
}

TEST(GateEnd, stopping_waits_neither_for_a_stuck_tunnel_nor_for_a_full_disk) {
  Site stuck;
  stuck.open_with_alice();
  stuck.manner = SimulatedEdge::Manner::stopped;
  stuck.hold_exits = true;
  stuck.give(StopRequested{});
  EXPECT_FALSE(stuck.finished);
  stuck.pass(seconds(5));
  EXPECT_TRUE(stuck.finished);

  Site full;
  full.open_with_alice();
  full.disk_works = false;
  full.give(StopRequested{});
  EXPECT_TRUE(full.finished);
}

TEST(GateEnd, a_restart_is_off) {
  Site site;
  site.open_with_alice();
  site.restart();
  EXPECT_EQ(site.records("started"), 2U);
  expect_shut(site);
}

TEST(GateEnd, a_crash_between_append_and_head_is_repaired_and_recorded) {
  Site site;
  site.open_with_alice();
  const std::string head = site.audit_head;
  site.command(CloseRequest{"mfp"});
  site.audit_head = head;  // the newest head never reached the disk
  site.audit_file() += "{\"seq\":99,\"time\":\"20";
  site.restart();
  EXPECT_NE(site.last_record("repaired").find("\"bytes_cut\":20"), std::string::npos) << site.last_record("repaired");
  expect_shut(site);
}

TEST(GateEnd, timeouts_are_few_while_something_is_open) {
  Site site;
  site.open_with_alice("mfp", "4h");
  site.pass(hours(4));  // a timeout that does not move on is noted by the edge
  expect_shut(site);
}

}  // namespace
}  // namespace quoin::gate
