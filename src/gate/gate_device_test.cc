// What happens to an open device when what answers at its address falls silent, changes, or comes back.
#include <gtest/gtest.h>

#include "gate/device_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

TEST(GateDevice, is_looked_for_on_the_whole_link_at_open_and_every_minute) {
  DeviceSite site;
  ASSERT_EQ(site.lookups.size(), 1U);
  site.pass(minutes(10));
  ASSERT_EQ(site.lookups.size(), 11U);
  for (const LookupNeighbour& lookup : site.lookups) {
    EXPECT_EQ(lookup.which, Neighbours::all);
    EXPECT_EQ(lookup.address, mfp);
  }
  EXPECT_EQ(site.problem(), "");
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, that_became_another_ends_the_session_within_a_minute_though_nobody_connects) {
  for (const std::vector<MacAddress>& now_there : {std::vector{other_mac}, std::vector{mfp_mac, other_mac}}) {
    DeviceSite site;
    site.neighbours[mfp] = now_there;
    site.pass(Recognition::every - milliseconds(1));
    EXPECT_TRUE(site.is_open());
    site.pass(milliseconds(1));
    EXPECT_FALSE(site.is_open());
    EXPECT_NE(site.last_record("closed").find("at the address: 02:da:00:00:4d:"), std::string::npos)
        << site.last_record("closed");
    ASSERT_FALSE(site.log.empty());
    EXPECT_NE(site.log.back().find("mfp is closed, for another device"), std::string::npos) << site.log.back();
    EXPECT_PROMISES_KEPT(site);
  }
}

TEST(GateDevice, two_that_answer_are_both_named) {
  DeviceSite site;
  site.neighbours[mfp] = {other_mac, mfp_mac, other_mac};
  site.pass(Recognition::every);
  EXPECT_NE(site.last_record("closed").find(
                "more than one device answers at the address: 02:da:00:00:4d:15, 02:da:00:00:4d:3c"),
            std::string::npos)
      << site.last_record("closed");
}

TEST(GateDevice, with_two_macs_may_answer_with_both_and_be_dialled_by_either) {
  Config config = site_config();
  config.devices[0].macs.push_back(other_mac);
  DeviceSite site(config);
  site.neighbours[mfp] = {other_mac, mfp_mac};  // its cable and its Wi-Fi
  site.pass(Recognition::every);
  EXPECT_TRUE(site.is_open());
  for (const MacAddress& first : {mfp_mac, other_mac}) {
    site.neighbours[mfp] = {first};
    EXPECT_EQ(site.dial(), std::nullopt);
  }
  const MacAddress stranger = *MacAddress::parse("02:da:00:00:4d:99");
  site.neighbours[mfp] = {mfp_mac, stranger};
  site.pass(Recognition::every);
  EXPECT_FALSE(site.is_open());
  EXPECT_NE(site.last_record("closed").find("02:da:00:00:4d:15, 02:da:00:00:4d:99"), std::string::npos);
  EXPECT_NE(site.last_record("opened").find("02:da:00:00:4d:15, 02:da:00:00:4d:3c"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

// What somebody else answers for the address as it is opened is told apart from a router that answers for all.
TEST(GateDevice, that_a_router_with_proxy_arp_answers_for_too_is_not_opened_and_the_router_is_named) {
  for (const bool is_router : {true, false}) {
    Site site;
    site.neighbours[mfp] = {mfp_mac, other_mac};
    if (is_router) {
      for (int i = 224; i < 255; i++) site.neighbours[at("192.168.77." + std::to_string(i))] = {other_mac};
    }
    const Reply reply = site.reply(site.open("mfp", "30m")).value();
    EXPECT_EQ(reply.code, ExitCode::not_reachable);
    EXPECT_EQ(reply.text.find("it is a router with proxy ARP") != std::string::npos, is_router) << reply.text;
    EXPECT_EQ(reply.text.find("list both in its mac") != std::string::npos, !is_router) << reply.text;
    EXPECT_EQ(site.running(), 0U);
    EXPECT_PROMISES_KEPT(site);
  }
}

TEST(GateDevice, that_is_silent_stays_open_but_is_not_dialled_until_it_answers) {
  DeviceSite site;
  EXPECT_EQ(site.dial(), std::nullopt);
  const std::size_t flows = site.reply(site.command(StatusRequest{}))->open->front().flows;
  site.neighbours[mfp].clear();
  site.pass(Recognition::every);
  EXPECT_TRUE(site.is_open());
  EXPECT_NE(site.problem().find("mfp has not answered ARP at 192.168.77.21 since "), std::string::npos);
  EXPECT_NE(site.problem().find("it is off, unplugged or has another address"), std::string::npos);
  const std::size_t dials = site.device_dials();
  const std::size_t lookups = site.lookups.size();
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  EXPECT_EQ(site.device_dials(), dials);
  site.pass(minutes(1));
  EXPECT_EQ(site.lookups.size(), lookups + 12);  // every five seconds
  EXPECT_EQ(site.log.size(), 1U);                // said once
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->open->front().flows, flows);
  site.neighbours[mfp] = {mfp_mac};
  site.pass(Recognition::every_while_silent);
  EXPECT_EQ(site.problem(), "");
  EXPECT_EQ(site.log.size(), 2U);
  EXPECT_EQ(site.dial(), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, that_is_found_silent_by_a_dial_is_held_back_at_once) {
  DeviceSite site;
  site.pass(seconds(10));
  site.neighbours[mfp].clear();
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  EXPECT_NE(site.problem(), "");
  site.neighbours[mfp] = {other_mac};  // and when it comes back as another, that is found out
  site.pass(Recognition::every_while_silent);
  EXPECT_FALSE(site.is_open());
}

TEST(GateDevice, is_looked_at_soon_after_a_dial_came_to_nothing_but_not_for_each) {
  DeviceSite site;
  site.pass(seconds(20));
  EXPECT_EQ(site.dial(), std::nullopt);
  site.dial_fails[{mfp, 80}] = pair::Unanswered::timed_out;
  const std::size_t before = site.surveys();
  for (int i = 0; i < 50; i++) EXPECT_EQ(site.dial(), pair::Unanswered::timed_out);
  site.pass(milliseconds(1));
  EXPECT_EQ(site.surveys(), before + 1);
  for (int i = 0; i < 50; i++) EXPECT_EQ(site.dial(), pair::Unanswered::timed_out);
  site.pass(Recognition::after_failed_dial);
  EXPECT_EQ(site.surveys(), before + 2);
  EXPECT_NE(site.problem().find("mfp, port 80, has not answered a connection since "), std::string::npos);
  site.dial_fails.clear();
  EXPECT_EQ(site.dial(), std::nullopt);
  EXPECT_EQ(site.problem(), "");
}

TEST(GateDevice, a_port_that_takes_bytes_and_answers_none_is_named_but_not_one_for_print_data) {
  DeviceSite site;
  site.listening.insert({mfp, 9100});
  for (const std::uint16_t port : {9100, 80}) EXPECT_EQ(site.dial(port), std::nullopt);
  site.say(site.session, pair::FlowClosed{1000, 500'000, 0});
  EXPECT_EQ(site.problem(), "");
  site.say(site.session, pair::FlowClosed{1001, 80, 0});
  EXPECT_NE(site.problem().find("mfp, port 80, has taken what was sent and answered nothing since "),
            std::string::npos);
  EXPECT_EQ(site.dial(), std::nullopt);
  site.say(site.session, pair::FlowClosed{1002, 80, 1});
  EXPECT_EQ(site.problem(), "");
}

TEST(GateDevice, a_port_that_answered_nothing_is_named_no_longer_once_the_device_answers_at_another) {
  DeviceSite site;
  site.listening.insert({mfp, 22});
  for (const std::uint16_t port : {80, 22}) EXPECT_EQ(site.dial(port), std::nullopt);
  site.say(site.session, pair::FlowClosed{1000, 80, 0});
  EXPECT_NE(site.problem(), "");
  site.say(site.session, pair::FlowClosed{1001, 10, 10});
  EXPECT_EQ(site.problem(), "");
}

TEST(GateDevice, that_lets_a_dial_wait_is_looked_at_and_if_it_is_gone_the_dial_is_unreachable) {
  DeviceSite site;
  site.pass(seconds(20));
  site.hold_dials = true;
  EXPECT_EQ(site.dial(), pair::Unanswered::too_many);
  EXPECT_EQ(site.dial(), pair::Unanswered::too_many);
  site.neighbours[mfp].clear();
  const std::size_t before = site.surveys();
  site.pass(Recognition::dial_is_slow - milliseconds(1));
  EXPECT_EQ(site.surveys(), before);
  site.pass(milliseconds(1));
  EXPECT_EQ(site.surveys(), before + 1);
  const auto failed = site.told<pair::Failed>(site.session);
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[1].why, pair::Unanswered::unreachable);
  site.hold_dials = false;
  site.release_dials();
  EXPECT_TRUE(site.handles.empty());
  EXPECT_TRUE(site.is_open());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, that_lets_a_dial_wait_but_is_there_is_waited_for) {
  DeviceSite site;
  site.pass(seconds(20));
  site.hold_dials = true;
  EXPECT_EQ(site.dial(), pair::Unanswered::too_many);
  site.pass(seconds(9));
  EXPECT_TRUE(site.told<pair::Failed>(site.session).empty());
  site.hold_dials = false;
  site.release_dials();
  EXPECT_EQ(site.told<pair::Failed>(site.session).size(), 0U);
  EXPECT_PROMISES_KEPT(site);
}

// ---- with a serial number

TEST(GateDevice, its_serial_number_is_asked_for_behind_the_right_hardware_address_only) {
  DeviceSite site(with_serial());
  EXPECT_TRUE(site.is_open());
  ASSERT_EQ(site.readings.size(), 1U);
  EXPECT_EQ(site.readings[0].question.community, "fleet-read");
  EXPECT_NE(site.last_record("opened").find("\"mac\":\"02:da:00:00:4d:15\",\"serial\":\"3089LAB00021\""),
            std::string::npos)
      << site.last_record("opened");
  site.neighbours[mfp] = {other_mac};
  site.pass(minutes(1));
  EXPECT_EQ(site.readings.size(), 1U);
  EXPECT_FALSE(site.is_open());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, with_another_serial_number_or_none_does_not_open) {
  const auto said = [](std::string community, std::string serial) {
    Site site(with_serial());
    site.snmp[mfp] = {std::move(community), std::move(serial)};
    const auto reply = site.reply(site.open("mfp"));
    EXPECT_TRUE(reply && reply->code == ExitCode::not_reachable);
    EXPECT_EQ(site.records("opened"), 0U);
    EXPECT_EQ(site.running(), 0U);
    EXPECT_PROMISES_KEPT(site);
    return reply ? reply->text : "";
  };
  EXPECT_EQ(said("fleet-read", "X7LAB00024"),
            "What answers at 192.168.77.21 has serial number X7LAB00024, not 3089LAB00021; check address and serial "
            "of mfp.");
  EXPECT_EQ(said("fleet-read", ""),
            "What answers SNMP at 192.168.77.21 tells no serial number (\"\"); check address and serial of mfp.");
  EXPECT_EQ(said("changed", "3089LAB00021"),
            "mfp does not answer SNMP at 192.168.77.21; check that it is switched on, that its SNMP is, and address "
            "and community of mfp.");
}

TEST(GateDevice, whose_snmp_falls_silent_is_held_and_whose_serial_number_changes_is_closed) {
  DeviceSite site(with_serial());
  site.snmp[mfp].community = "changed";
  site.pass(minutes(1));
  EXPECT_TRUE(site.is_open());
  EXPECT_NE(site.problem().find("mfp has not answered SNMP with its community at 192.168.77.21 since "),
            std::string::npos)
      << site.problem();
  EXPECT_EQ(site.problem().find("fleet-read"), std::string::npos);  // who reads the status need not know it
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  site.snmp[mfp] = {"fleet-read", ""};
  site.pass(seconds(5));
  EXPECT_NE(site.problem().find("has told no serial number"), std::string::npos);
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  site.snmp[mfp].serial = "3089LAB00021";
  site.pass(seconds(5));
  EXPECT_EQ(site.problem(), "");
  EXPECT_EQ(site.dial(), std::nullopt);
  site.snmp[mfp].serial = "X7LAB00024";
  site.pass(minutes(1));
  EXPECT_FALSE(site.is_open());
  EXPECT_NE(site.last_record("closed").find("with serial number X7LAB00024"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, connections_go_on_while_a_slow_printer_is_asked_for_its_serial_number) {
  DeviceSite site(with_serial());
  site.pass(minutes(1) - milliseconds(1));
  site.hold_looks = true;
  site.pass(milliseconds(1));
  ASSERT_EQ(site.lookups.back().which, Neighbours::all);
  site.release_looks();
  site.pass(minutes(1) - seconds(1));
  EXPECT_EQ(site.dial(), std::nullopt);  // a glance was taken
  site.hold_looks = false;
  site.pass(seconds(1));
  EXPECT_EQ(site.dial(), std::nullopt);
}

TEST(GateDevice, behind_a_router_is_known_by_its_serial_number_alone) {
  DeviceSite site(behind_a_router());
  EXPECT_TRUE(site.is_open());
  EXPECT_TRUE(site.lookups.empty());
  EXPECT_EQ(site.dial(), std::nullopt);
  EXPECT_EQ(site.last_record("opened").find("\"mac\""), std::string::npos);
  site.pass(minutes(5));
  EXPECT_EQ(site.readings.size(), 6U);
  site.snmp.clear();
  site.dial_fails[{at("192.168.78.21"), 80}] = pair::Unanswered::unreachable;
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  site.pass(Recognition::after_failed_dial);
  EXPECT_NE(site.problem().find("has not answered SNMP"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, is_recognised_anew_before_the_next_dial_when_this_hosts_networks_have_changed) {
  DeviceSite site(behind_a_router());
  site.pass(seconds(10));
  site.hold_looks = true;
  site.snmp[at("192.168.78.21")].serial = "X7LAB00024";
  site.change_networks();
  EXPECT_TRUE(site.is_open());
  EXPECT_EQ(site.dial(), pair::Unanswered::too_many);  // waits
  const std::size_t dials = site.device_dials();
  site.release_looks();
  EXPECT_EQ(site.device_dials(), dials);
  EXPECT_FALSE(site.is_open());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, with_a_hardware_address_must_be_on_link_though_its_serial_number_is_known_too) {
  DeviceSite site(with_serial());
  site.pass(seconds(10));
  const std::size_t readings = site.readings.size();
  site.host.interfaces.back() = {at("192.168.79.2"), 24};  // now it would be reached through a router
  site.give(HostChanged{site.host});
  EXPECT_FALSE(site.is_open());
  EXPECT_EQ(site.readings.size(), readings);
  EXPECT_NE(site.last_record("closed").find("leave mac out and set serial"), std::string::npos)
      << site.last_record("closed");
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, that_became_another_is_found_out_however_often_this_hosts_networks_change) {
  DeviceSite site;
  site.pass(seconds(10));
  site.hold_looks = true;
  site.neighbours[mfp] = {other_mac};
  Instant asked = site.now;
  for (int tenth = 0; tenth < 30 && site.is_open(); tenth++) {
    const std::size_t lookups = site.lookups.size();
    site.change_networks();
    site.pass(milliseconds(100));
    if (site.lookups.size() != lookups) asked = site.now;
    if (site.now < asked + milliseconds(300)) continue;  // so long an answer takes
    site.release_looks();
    site.hold_looks = true;
  }
  EXPECT_FALSE(site.is_open());
  EXPECT_NE(site.last_record("closed").find("at the address: 02:da:00:00:4d:3c"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, whose_looks_are_always_overtaken_by_changes_lets_dials_wait_for_ten_seconds_and_no_longer) {
  DeviceSite site;
  site.pass(seconds(10));
  site.hold_looks = true;
  const std::size_t lookups = site.lookups.size();
  const auto change_for = [&](int tenths) {
    for (int tenth = 0; tenth < tenths; tenth++) {
      site.change_networks();
      site.pass(milliseconds(100));
      if (tenth % 5 != 4) continue;
      site.change_networks();
      site.release_looks();
      site.hold_looks = true;
    }
  };
  change_for(1);
  EXPECT_EQ(site.dial(), pair::Unanswered::too_many);  // waits
  change_for(98);
  EXPECT_TRUE(site.told<pair::Failed>(site.session).empty());
  change_for(2);
  const auto failed = site.told<pair::Failed>(site.session);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].why, pair::Unanswered::unreachable);
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  EXPECT_LE(site.lookups.size() - lookups, 12U);  // a second of pause before each
  site.hold_looks = false;
  site.release_looks();
  site.pass(seconds(2));
  EXPECT_EQ(site.dial(), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, that_lets_a_dial_wait_is_looked_at_though_another_dial_fails_on_this_host) {
  DeviceSite site;
  site.pass(seconds(20));
  site.hold_dials = true;
  EXPECT_EQ(site.dial(), pair::Unanswered::too_many);  // not answered
  site.hold_dials = false;
  site.dial_fails[{mfp, 80}] = pair::Unanswered::too_many;
  EXPECT_EQ(site.dial(), pair::Unanswered::too_many);  // no descriptor, for one
  const std::size_t before = site.surveys();
  site.pass(Recognition::dial_is_slow);
  EXPECT_EQ(site.surveys(), before + 1);
}

// ---- races

TEST(GateDevice, a_look_that_ends_after_the_session_changes_nothing_and_leaves_nothing_behind) {
  for (const bool serial : {false, true}) {
    DeviceSite site(serial ? with_serial() : site_config());
    site.hold_looks = true;
    site.pass(minutes(1));
    site.neighbours[mfp] = {other_mac};
    site.command(CloseRequest{"mfp"});
    EXPECT_FALSE(site.is_open());
    const std::size_t records = site.audit_lines().size();
    site.release_looks();
    site.pass(minutes(5));
    EXPECT_EQ(site.audit_lines().size(), records);
    EXPECT_TRUE(site.handles.empty());
    EXPECT_EQ(site.gate->poll_timeout(), std::nullopt);
    EXPECT_PROMISES_KEPT(site);
  }
}

TEST(GateDevice, a_look_that_outlives_the_deadline_does_not_keep_the_session) {
  DeviceSite site;
  site.hold_looks = true;
  site.pass(minutes(31));
  EXPECT_FALSE(site.is_open());
  site.release_looks();
  EXPECT_NE(site.last_record("closed").find("the time was up"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, an_extension_leaves_the_looks_as_they_are) {
  DeviceSite site;
  site.pass(seconds(30));
  site.command(ExtendRequest{"mfp", "2h"});
  site.pass(seconds(30));
  EXPECT_EQ(site.lookups.size(), 2U);
  site.neighbours[mfp].clear();
  site.pass(minutes(59));
  EXPECT_TRUE(site.is_open());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateDevice, dials_that_wait_for_a_look_are_each_answered_once_when_the_session_ends) {
  DeviceSite site;
  site.pass(seconds(10));
  site.hold_looks = true;
  for (int i = 0; i < 20; i++) EXPECT_EQ(site.dial(), pair::Unanswered::too_many);
  EXPECT_EQ(site.lookups.size(), 2U);  // one glance for all
  site.neighbours[mfp] = {other_mac};
  site.hold_looks = false;
  site.command(CloseRequest{"mfp"});
  site.release_looks();
  EXPECT_FALSE(site.is_open());
  EXPECT_PROMISES_KEPT(site);
}

}  // namespace
}  // namespace quoin::gate
