// What it takes to open a device, and what is said when it does not open.
#include <gtest/gtest.h>

#include "gate/sentences.h"
#include "gate/session.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

void expect_refused(Site& site, CommandId id, ExitCode code, std::string_view sentence) {
  const auto reply = site.reply(id);
  ASSERT_TRUE(reply) << "not answered; expected: " << sentence;
  EXPECT_EQ(reply->text, sentence);
  EXPECT_EQ(reply->code, code);
  EXPECT_TRUE(site.tunnels.empty());
  EXPECT_TRUE(site.dials.empty());
  EXPECT_EQ(site.gate->open_sessions(), 0U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, opens_tells_name_and_addresses_and_shows_them_in_the_status) {
  Site site;
  const auto reply = site.reply(site.command(OpenRequest{"mfp", "30m", "web,ping", {}, "E 3.2"}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, ExitCode::done) << reply->text;
  EXPECT_EQ(reply->text,
            "mfp is open until 2025-12-18T00:30:00Z (30m) as node-1, 100.64.0.1.\n"
            "Engineers: alice@example.com, bob@example.com. Services: web, ping.");
  site.say(1, pair::Admit{node_key(1), "alice@example.com", false});
  site.say(1, pair::PathReport{node_key(1), pair::PathKind::direct, "198.51.100.4:41641"});

  const auto status = site.reply(site.command(StatusRequest{}));
  ASSERT_TRUE(status && status->open && status->open->size() == 1);
  const DeviceStatus& mfp = status->open->front();
  EXPECT_EQ(mfp.device, "mfp");
  EXPECT_EQ(mfp.state, "open");
  EXPECT_EQ(mfp.name, "node-1");
  EXPECT_EQ(mfp.addresses, std::vector<std::string>{"100.64.0.1"});
  EXPECT_EQ(mfp.node_key, node_key(0x41).text());
  EXPECT_EQ(mfp.until, "2025-12-18T00:30:00Z");
  EXPECT_EQ(mfp.seconds_left, 1800);
  EXPECT_EQ(mfp.opened_by, "root");
  EXPECT_EQ(mfp.reason, "E 3.2");
  EXPECT_EQ(mfp.engineers, (std::vector<std::string>{"alice@example.com", "bob@example.com"}));
  EXPECT_EQ(mfp.services, (std::vector<std::string>{"web", "ping"}));
  EXPECT_EQ(mfp.relay, "lab");
  ASSERT_EQ(mfp.paths.size(), 1U);
  EXPECT_EQ(mfp.paths[0].engineer, "alice@example.com");
  EXPECT_EQ(mfp.paths[0].path, "direct");
  EXPECT_EQ(mfp.paths[0].through, "198.51.100.4:41641");
  EXPECT_FALSE(mfp.paths[0].past_narrow);
  EXPECT_EQ(mfp.paths[0].last_heard, "");
  EXPECT_NE(status->text.find("  connected  alice@example.com, path direct through 198.51.100.4:41641"),
            std::string::npos);

  site.pass(minutes(10));
  site.say(1, pair::PathReport{node_key(1), pair::PathKind::relay, "lab, all is well", 240});
  const auto silent = site.reply(site.command(StatusRequest{}));
  EXPECT_EQ(silent->open->front().paths[0].through, "lab??all?is?well");
  EXPECT_EQ(silent->open->front().paths[0].last_heard, "2025-12-18T00:06:00Z");
  EXPECT_NE(silent->text.find("  silent     alice@example.com, last heard 2025-12-18T00:06:00Z"), std::string::npos)
      << silent->text;
  site.say(1, pair::PathReport{node_key(1), pair::PathKind::relay, "lab", UINT32_MAX});  // before it had any path
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->open->front().paths[0].last_heard, "2025-12-18T00:00:00Z");
  site.say(1, pair::PathReport{node_key(1), pair::PathKind::none, "", 0});
  EXPECT_NE(site.reply(site.command(StatusRequest{}))->text.find("  away       alice@example.com, not connected"),
            std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, status_says_that_the_relay_is_used_because_the_direct_way_loses_large_packets) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::PathReport{node_key(1), pair::PathKind::relay_past_narrow, "lab"});
  const auto status = site.reply(site.command(StatusRequest{}));
  ASSERT_TRUE(status && status->open && status->open->size() == 1);
  ASSERT_EQ(status->open->front().paths.size(), 1U);
  EXPECT_EQ(status->open->front().paths[0].path, "relay");
  EXPECT_TRUE(status->open->front().paths[0].past_narrow);
  EXPECT_NE(
      status_text(*status).find("alice@example.com, path relay through lab (the direct way loses large packets: "),
      std::string::npos);
}

TEST(GateOpen, the_tunnel_is_introduced_with_what_the_warrant_grants_and_nothing_of_the_device) {
  Site site;
  site.command(OpenRequest{"mfp", "10m", "snmp", {}, ""});
  const auto begin = site.told<pair::Begin>(1);
  ASSERT_EQ(begin.size(), 1U);
  EXPECT_EQ(begin[0].device_name, "mfp");
  EXPECT_EQ(begin[0].control_host, "control.example.com");
  EXPECT_TRUE(begin[0].services.allows(pair::Transport::udp, 161));
  EXPECT_FALSE(begin[0].services.allows(pair::Transport::tcp, 80));
  EXPECT_FALSE(begin[0].services.ping);
  EXPECT_EQ(begin[0].deadline, site.now + minutes(10));
  EXPECT_TRUE(contains(begin[0].own_prefixes, at("192.168.77.99")));
  EXPECT_EQ(begin[0].allowed_private, site.config.relay.allow);
  EXPECT_EQ(site.told<pair::UdpSockets>(1).size(), 1U);
  EXPECT_EQ(site.told<pair::JoinKey>(1).size(), 1U);
  EXPECT_TRUE(site.handles.empty());
}

TEST(GateOpen, two_devices_are_open_at_once_and_apart) {
  Site site;
  const SessionId mfp = site.open_with_alice("mfp");
  const SessionId laser = site.open_with_alice("laser");
  ASSERT_NE(mfp, laser);
  EXPECT_EQ(site.running(), 2U);
  site.say(laser, pair::DialService{7, node_key(1), pair::Transport::tcp, 80});
  EXPECT_EQ(site.dials.back().candidates, (std::vector<Endpoint>{{at("192.168.77.22"), 80}}));
  site.say(mfp, pair::DialService{7, node_key(1), pair::Transport::tcp, 80});
  EXPECT_EQ(site.dials.back().candidates, (std::vector<Endpoint>{{at("192.168.77.21"), 80}}));
  site.command(CloseRequest{"mfp"});
  EXPECT_EQ(site.running(), 1U);
  EXPECT_TRUE(site.tunnels.at(laser).running);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, starts_shut_and_status_says_so) {
  Site site;
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->text, "Nothing is open.");
  EXPECT_EQ(site.records("started"), 1U);
  EXPECT_FALSE(site.gate->poll_timeout());
}

TEST(GateOpen, only_root_and_the_group_may_command) {
  Site site;
  const Caller stranger{.uid = 1000, .name = "eve", .in_group = false};
  const auto id = site.command(OpenRequest{"mfp", "30m", {}, {}, ""}, stranger);
  expect_refused(site, id, ExitCode::refused, "Only root and members of the group quoin may do this.");
  EXPECT_NE(site.last_record("refused").find("\"by\":\"eve\""), std::string::npos);
  EXPECT_EQ(site.reply(site.command(StatusRequest{}, stranger))->code, ExitCode::refused);
  EXPECT_EQ(site.reply(site.command(CloseRequest{}, stranger))->code, ExitCode::refused);
  const Caller member{.uid = 1001, .name = "mia", .in_group = true};
  EXPECT_EQ(site.reply(site.command(OpenRequest{"mfp", "30m", {}, {}, ""}, member))->code, ExitCode::done);
  EXPECT_NE(site.last_record("opened").find("\"by\":\"mia\""), std::string::npos);
}

TEST(GateOpen, refuses_each_bad_request_with_its_code_and_sentence) {
  struct Case {
    OpenRequest request;
    ExitCode code;
    std::string sentence;
  };
  const std::vector<Case> cases = {
      {{"files", "30m", {}, {}, ""},
       ExitCode::wrong_usage,
       "There is no device \"files\"; the configuration names mfp, laser."},
      {{"", "30m", {}, {}, ""}, ExitCode::wrong_usage, "There is no device \"\"; the configuration names mfp, laser."},
      {{"mfp", "0s", {}, {}, ""}, ExitCode::wrong_usage, "\"0s\" is not a time to be open; say 45s, 30m or 4h."},
      {{"mfp", "-5m", {}, {}, ""}, ExitCode::wrong_usage, "\"-5m\" is not a time to be open; say 45s, 30m or 4h."},
      {{"mfp", "nan", {}, {}, ""}, ExitCode::wrong_usage, "\"nan\" is not a time to be open; say 45s, 30m or 4h."},
      {{"mfp", "1e309h", {}, {}, ""},
       ExitCode::wrong_usage,
       "\"1e309h\" is not a time to be open; say 45s, 30m or 4h."},
      {{"mfp", "99999999h", {}, {}, ""},
       ExitCode::refused,
       "99999999h is longer than warrant.longest allows; ask for 4h at most."},
      {{"mfp", "241m", {}, {}, ""},
       ExitCode::refused,
       "241m is longer than warrant.longest allows; ask for 4h at most."},
      {{"mfp", "30m", "web,fax", {}, ""},
       ExitCode::wrong_usage,
       "There is no service \"fax\"; use web, ipp, snmp, raw, lpd, ftp, telnet, ssh, ping, tcp/PORT, udp/PORT or all."},
      {{"mfp", "30m", "", {}, ""},
       ExitCode::wrong_usage,
       "There is no service \"\"; use web, ipp, snmp, raw, lpd, ftp, telnet, ssh, ping, tcp/PORT, udp/PORT or all."},
      {{"mfp", "30m", {}, {"mallory@example.com"}, ""},
       ExitCode::refused,
       "mallory@example.com is not among warrant.engineers of the configuration."},
      {{"mfp", "30m", {}, {"*"}, ""}, ExitCode::refused, "* is not among warrant.engineers of the configuration."},
      {{"mfp", "30m", {}, {"alice smith"}, ""}, ExitCode::wrong_usage, "\"alice smith\" is not a login name."},
      {{"mfp", "30m", {}, {}, "two\nlines"},
       ExitCode::wrong_usage,
       "The reason must be one line of at most 200 bytes."},
  };
  for (const Case& each : cases) {
    Site site;
    expect_refused(site, site.command(each.request), each.code, each.sentence);
    EXPECT_EQ(site.records("refused"), 1U) << each.sentence;
    EXPECT_EQ(site.records("opened"), 0U) << each.sentence;
  }
}

TEST(GateOpen, narrows_the_engineers_to_those_named) {
  Site site;
  const auto id = site.command(OpenRequest{"mfp", "30m", {}, {"Bob@Example.com"}, ""});
  ASSERT_EQ(site.reply(id)->code, ExitCode::done);
  site.say(1, pair::Admit{node_key(1), "alice@example.com", false});
  site.say(1, pair::Admit{node_key(2), "bob@example.com", false});
  const auto answers = site.told<pair::Admission>(1);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_FALSE(answers[0].admitted);
  EXPECT_TRUE(answers[1].admitted);
}

TEST(GateOpen, every_person_means_persons_and_status_says_so) {
  Config config = site_config();
  config.warrant.engineers = {"*"};
  Site site(config);
  const auto id = site.command(OpenRequest{"mfp", "30m", {}, {"*"}, ""});
  EXPECT_NE(site.reply(id)->text.find("Engineers: every person of the network."), std::string::npos);
  site.say(1, pair::Admit{node_key(1), "carol@example.com", false});
  site.say(1, pair::Admit{node_key(2), "carol@example.com", true});
  site.say(1, pair::Admit{node_key(3), "tagged-devices", false});
  site.say(1, pair::Admit{node_key(4), "", false});
  for (const auto& each : site.told<pair::Admission>(1)) {
    EXPECT_EQ(each.admitted, each.node_key == node_key(1)) << each.node_key.text();
  }
  EXPECT_EQ(site.told<pair::Admission>(1).size(), 4U);
  EXPECT_TRUE(site.reply(site.command(StatusRequest{}))->open->front().every_person);
}

TEST(GateOpen, a_second_opening_of_an_open_device_is_refused_and_changes_nothing) {
  Site site;
  site.open("mfp", "10m");
  const auto reply = site.reply(site.open("mfp", "4h"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, ExitCode::refused);
  EXPECT_EQ(reply->text, "mfp is already open until 2025-12-18T00:10:00Z, by root; close it first.");
  EXPECT_EQ(site.tunnels.size(), 1U);
  site.pass(minutes(10));
  EXPECT_EQ(site.running(), 0U);
}

TEST(GateOpen, an_address_of_the_sites_own_network_is_refused_and_both_are_named) {
  HostView host = site_host();
  host.interfaces.push_back({at("100.64.255.254"), 10});
  Site site(site_config(), host);
  const auto reply = site.reply(site.open("mfp"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, ExitCode::refused);
  EXPECT_EQ(
      reply->text,
      "The control server https://control.example.com:443 gave mfp the address 100.64.0.1, which lies in this site's "
      "own network 100.64.0.0/10; have its administrator give out addresses of another prefix.");
  site.pass(seconds(2));
  EXPECT_EQ(site.running(), 0U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, what_the_dial_guard_refuses_does_not_open) {
  HostView host = site_host();
  host.gateways.push_back(at("192.168.77.21"));
  Site as_gateway(site_config(), host);
  expect_refused(as_gateway, as_gateway.open("mfp"), ExitCode::refused,
                 "The device may not be dialled: 192.168.77.21 is a gateway of this host.");
  host = site_host();
  host.interfaces[2] = {at("192.168.78.2"), 24};
  Site elsewhere(site_config(), host);
  expect_refused(elsewhere, elsewhere.open("mfp"), ExitCode::refused,
                 "The device may not be dialled: 192.168.77.21 is in none of this host's networks, so its MAC address "
                 "cannot be checked: behind a router, leave mac out and set serial.");
}

TEST(GateOpen, a_device_that_does_not_answer_or_is_not_the_described_one_does_not_open) {
  Site silent;
  silent.neighbours.clear();
  expect_refused(silent, silent.open("mfp"), ExitCode::not_reachable,
                 "Nothing answers at 192.168.77.21; check that mfp is switched on and connected.");
  Site exchanged;
  exchanged.neighbours[at("192.168.77.21")] = {*MacAddress::parse("02:da:00:00:4d:99")};
  expect_refused(
      exchanged, exchanged.open("mfp"), ExitCode::not_reachable,
      "What answers at 192.168.77.21 is not the device with MAC address 02:da:00:00:4d:15 but "
      "02:da:00:00:4d:99; check address and mac of mfp; if its own network page says that it has that one as "
      "well (Wi-Fi and cable, a sleep proxy), list both in its mac.");
  Site doubled;
  doubled.neighbours[at("192.168.77.21")].push_back(*MacAddress::parse("02:da:00:00:4d:99"));
  expect_refused(
      doubled, doubled.open("mfp"), ExitCode::not_reachable,
      "More than one device answers at 192.168.77.21: 02:da:00:00:4d:15, 02:da:00:00:4d:99; if its own "
      "network page says that it has that one as well (Wi-Fi and cable, a sleep proxy), list both in its mac, or "
      "give the others another address.");
  EXPECT_EQ(doubled.records("opened"), 0U);
}

TEST(GateOpen, nothing_opens_without_its_record_on_disk) {
  Site site;
  site.hold_appends = true;
  const auto id = site.open("mfp");
  EXPECT_FALSE(site.reply(id));
  EXPECT_TRUE(site.tunnels.empty());
  site.release_appends();
  EXPECT_EQ(site.reply(id)->code, ExitCode::done);
  EXPECT_NE(site.audit_head.find("\"seq\":"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, a_disk_that_hangs_is_said_and_waited_for_no_longer_than_any_opening) {
  Site site;
  site.hold_appends = true;
  const auto id = site.open("mfp");
  site.pass(AuditQueue::slow_after - milliseconds(1));
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->audit_works, true);
  site.pass(milliseconds(1));
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->audit_works, false);
  site.pass(seconds(15));
  expect_refused(site, id, ExitCode::failed,
                 "The record of the opening was not on disk within 20 seconds, and nothing is open without it; check "
                 "the disk of the audit file.");
  site.release_appends();
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->audit_works, true);
  EXPECT_TRUE(site.tunnels.empty());
  EXPECT_EQ(site.records("opened"), 1U);
  EXPECT_EQ(site.records("closed"), 1U);
  EXPECT_TRUE(site.audit_is_whole());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, a_full_disk_keeps_everything_shut_until_there_is_room) {
  Site site;
  site.disk_works = false;
  const auto id = site.open("mfp");
  expect_refused(site, id, ExitCode::failed,
                 "The audit file cannot be written, and nothing is open without its record; make room on the disk.");
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->audit_works, false);
  site.disk_works = true;
  EXPECT_EQ(site.reply(site.open("mfp"))->code, ExitCode::done);
  EXPECT_EQ(site.records("opened"), 1U);
  EXPECT_TRUE(site.audit_is_whole());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, gives_up_after_twenty_seconds_with_the_newest_problem) {
  Site site;
  site.manner = SimulatedEdge::Manner::silent;
  const auto id = site.open("mfp");
  site.say(1, pair::Problem{pair::ProblemKind::control_unreachable, "connection timed out"});
  site.pass(seconds(20) - nanoseconds(1));
  EXPECT_FALSE(site.reply(id));
  site.pass(seconds(2));
  ASSERT_TRUE(site.reply(id));
  EXPECT_EQ(site.reply(id)->code, ExitCode::not_reachable);
  EXPECT_EQ(site.reply(id)->text,
            "The control server https://control.example.com:443 cannot be reached (connection timed out); check the "
            "network and control.url.");
  EXPECT_EQ(site.running(), 0U);
  EXPECT_EQ(site.records("closed"), 1U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateOpen, a_problem_that_waiting_does_not_solve_ends_the_opening_at_once) {
  struct Case {
    pair::ProblemKind kind;
    ExitCode code;
    std::string_view word;
  };
  for (const Case& each : {Case{pair::ProblemKind::join_key_refused, ExitCode::refused, "refused the join key"},
                           Case{pair::ProblemKind::control_key, ExitCode::not_reachable, "another key"},
                           Case{pair::ProblemKind::control_certificate, ExitCode::not_reachable, "not trusted"},
                           Case{pair::ProblemKind::not_a_control_server, ExitCode::not_reachable, "not a control"}}) {
    Site site;
    site.manner = SimulatedEdge::Manner::silent;
    const auto id = site.open("mfp");
    site.say(1, pair::Problem{each.kind, "why"});
    EXPECT_FALSE(site.reply(id)) << "the tunnel has not gone yet";
    site.pass(seconds(1));
    ASSERT_TRUE(site.reply(id)) << each.word;
    EXPECT_EQ(site.reply(id)->code, each.code);
    EXPECT_NE(site.reply(id)->text.find(each.word), std::string::npos) << site.reply(id)->text;
    EXPECT_EQ(site.running(), 0U);
    EXPECT_EQ(site.gate->open_sessions(), 0U);
  }
}

TEST(GateOpen, says_when_the_tunnel_cannot_start_or_dies) {
  Site site;
  site.children_start = false;
  EXPECT_EQ(site.reply(site.open("mfp"))->code, ExitCode::failed);
  EXPECT_EQ(site.gate->open_sessions(), 0U);
  site.children_start = true;
  site.manner = SimulatedEdge::Manner::silent;
  const auto id = site.open("mfp");
  site.exit_child(2, "signal 11");
  EXPECT_EQ(site.reply(id)->text,
            "The tunnel ended while it was opening (signal 11); see the agent's log, and try again.");
  EXPECT_EQ(site.gate->open_sessions(), 0U);
}

TEST(GateOpen, an_unreadable_join_key_is_a_mistake_in_the_configuration) {
  for (const auto& key : {std::optional<std::string>(), std::optional<std::string>(""),
                          std::optional<std::string>("two words"), std::optional(std::string(300, 'k'))}) {
    Site site;
    site.join_key = key;
    const auto reply = site.reply(site.open("mfp"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->code, ExitCode::wrong_usage);
    EXPECT_EQ(reply->text,
              "The join key cannot be read; put the control server's key, and nothing else, into /etc/quoin/join.key.");
  }
}

TEST(GateOpen, who_hangs_up_before_the_answer_opens_nothing) {
  Site site;
  site.manner = SimulatedEdge::Manner::silent;
  const auto id = site.open("mfp");
  site.hang_up(id);
  site.pass(seconds(2));
  EXPECT_EQ(site.running(), 0U);
  EXPECT_NE(site.last_record("closed").find("hung up"), std::string::npos);
}

TEST(GateOpen, refusals_of_a_flood_are_counted_rather_than_written) {
  Site site;
  for (int i = 0; i < 500; i++) site.open("nothing");
  EXPECT_LE(site.records("refused"), 21U);
  site.pass(minutes(1));
  site.open("nothing");
  EXPECT_NE(site.last_record("refused").find("\"refusals_not_written\":480"), std::string::npos)
      << site.last_record("refused");
}

TEST(GateOpen, what_is_older_than_a_stop_that_the_gate_did_not_hear_of_opens_nothing) {
  Site site;
  const CommandId id = 7001;
  OpenRequest open;
  open.device = "mfp";
  open.lasts = "30m";
  site.give(CommandArrived{id, SimulatedEdge::root(), Request(open), true});
  EXPECT_EQ(site.reply(id)->code, ExitCode::refused);
  EXPECT_TRUE(site.tunnels.empty());
  EXPECT_NE(site.last_record("refused").find("ask again"), std::string::npos);
  site.give(CommandArrived{id + 1, SimulatedEdge::root(), Request(StatusRequest{}), true});
  EXPECT_EQ(site.reply(id + 1)->code, ExitCode::done);
}

}  // namespace
}  // namespace quoin::gate
