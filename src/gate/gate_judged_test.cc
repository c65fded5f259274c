// What was judged is what is used: the device that was recognised is the one that gets the connection, on this host's
// own link, and nothing is judged by networks that could not be read.
#include <algorithm>

#include <gtest/gtest.h>

#include "gate/device_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

// ---- somebody else takes the address

TEST(GateJudged, that_became_another_a_moment_ago_is_not_dialled) {
  DeviceSite site;
  EXPECT_EQ(site.dial(), std::nullopt);  // it was looked at just now
  const std::size_t dials = site.device_dials();
  site.neighbours[mfp] = {other_mac};
  site.say(site.session, pair::DialService{99, node_key(1), pair::Transport::tcp, 80});
  EXPECT_EQ(site.device_dials(), dials);
  EXPECT_FALSE(site.is_open());
  EXPECT_NE(site.last_record("closed").find("at the address: 02:da:00:00:4d:3c"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateJudged, that_became_another_while_it_was_dialled_gets_no_print_job) {
  for (const pair::Transport transport : {pair::Transport::tcp, pair::Transport::udp}) {
    DeviceSite site;
    site.hold_dials = true;
    const std::uint16_t port = transport == pair::Transport::tcp ? 80 : 161;
    site.say(site.session, pair::DialService{99, node_key(1), transport, port});
    site.neighbours[mfp] = {other_mac};
    site.hold_dials = false;
    site.release_dials();
    const auto connected = site.told<pair::Connected>(site.session);
    EXPECT_TRUE(std::ranges::none_of(connected, [](const auto& each) { return each.request == 99; }));
    const auto failed = site.told<pair::Failed>(site.session);
    ASSERT_EQ(failed.size(), 1U);
    EXPECT_EQ(failed[0].why, pair::Unanswered::identity_changed);
    EXPECT_TRUE(site.handles.empty());
    EXPECT_EQ(site.reset_handles.size(), 1U);  // the impostor hears RST, and nothing else
    EXPECT_FALSE(site.is_open());
    EXPECT_NE(site.last_record("closed").find("another device than the described one answers at the address"),
              std::string::npos);
    EXPECT_EQ(site.records("flow_opened"), site.records("flow"));
    EXPECT_PROMISES_KEPT(site);
  }
}

TEST(GateJudged, that_is_gone_once_it_is_dialled_is_unreachable_and_nothing_else) {
  DeviceSite site;
  site.hold_dials = true;
  site.say(site.session, pair::DialService{99, node_key(1), pair::Transport::tcp, 80});
  site.neighbours[mfp].clear();
  site.hold_dials = false;
  site.release_dials();
  const auto failed = site.told<pair::Failed>(site.session);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].why, pair::Unanswered::unreachable);
  EXPECT_TRUE(site.handles.empty());
  EXPECT_TRUE(site.is_open());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateJudged, is_glanced_at_before_each_dial_and_before_each_socket_is_handed_over) {
  DeviceSite site;
  for (int i = 0; i < 5; i++) EXPECT_EQ(site.dial(), std::nullopt);
  EXPECT_EQ(site.looked(Neighbours::first), 5U);
  EXPECT_EQ(site.looked(Neighbours::in_use), 5U);
  site.hold_looks = true;  // dials that come while one is under way need another, and share it
  for (pair::RequestId id = 100; id < 300; id++) {
    site.say(site.session, pair::DialService{id, node_key(1), pair::Transport::tcp, 80});
  }
  site.release_looks();
  EXPECT_EQ(site.looked(Neighbours::first), 7U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateJudged, a_dial_that_waited_for_the_disk_is_glanced_at_anew) {
  DeviceSite site;
  site.hold_appends = true;
  site.command(CloseRequest{"no such device"});  // a refusal, which is recorded
  site.say(site.session, pair::DialService{99, node_key(1), pair::Transport::tcp, 80});
  site.pass(seconds(5));
  site.neighbours[mfp] = {other_mac};
  const std::size_t dials = site.device_dials();
  site.release_appends();
  EXPECT_EQ(site.device_dials(), dials);
  EXPECT_FALSE(site.is_open());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateJudged, is_sent_to_with_one_hop_where_it_must_be_on_link) {
  const auto stays_on_link = [](Config config) {
    DeviceSite site(std::move(config));
    EXPECT_EQ(site.dial(), std::nullopt);
    site.say(site.session, pair::DialService{98, node_key(1), pair::Transport::udp, 161});
    site.say(site.session, pair::PingDevice{99, node_key(1), 56});
    EXPECT_EQ(site.pings.size(), 1U);
    std::vector<bool> all = {site.pings.back().stays_on_link, site.dials.back().stays_on_link,
                             site.dials[site.dials.size() - 2].stays_on_link};
    for (const ReadSerial& reading : site.readings) all.push_back(reading.stays_on_link);
    EXPECT_FALSE(site.dials.front().stays_on_link);  // the control server
    EXPECT_TRUE(std::ranges::count(all, all.front()) == static_cast<std::ptrdiff_t>(all.size()));
    return site.dials.back().stays_on_link;
  };
  EXPECT_TRUE(stays_on_link(site_config()));
  EXPECT_TRUE(stays_on_link(with_serial()));
  EXPECT_FALSE(stays_on_link(behind_a_router()));
  Config bridged = with_serial();
  bridged.devices[0].routed_bridge = true;
  EXPECT_FALSE(stays_on_link(bridged));
}

TEST(GateJudged, that_turns_out_to_be_behind_a_router_is_said_to_be) {
  DeviceSite site;
  site.dial_fails[{mfp, 80}] = pair::Unanswered::unreachable;
  site.is_behind_router = true;
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  EXPECT_NE(site.problem().find("mfp, port 80, has been behind a router since "), std::string::npos) << site.problem();
  EXPECT_NE(site.problem().find("set routed_bridge = true"), std::string::npos) << site.problem();
  site.dial_fails.clear();
  EXPECT_EQ(site.dial(), std::nullopt);
  EXPECT_EQ(site.problem(), "");
}

// ---- this host's own networks

TEST(GateJudged, is_not_dialled_or_asked_while_this_hosts_networks_cannot_be_read) {
  DeviceSite site(with_serial());
  EXPECT_EQ(site.dial(), std::nullopt);
  site.give(HostChanged{failure<std::string>("ask the kernel: Operation not permitted")});
  EXPECT_TRUE(site.is_open());  // what runs goes on
  const std::size_t dials = site.dials.size();
  const std::size_t lookups = site.lookups.size();
  EXPECT_EQ(site.dial(), pair::Unanswered::unreachable);
  site.say(site.session, pair::DialService{98, node_key(1), pair::Transport::udp, 161});
  site.say(site.session, pair::PingDevice{99, node_key(1), 56});
  site.say(site.session, pair::DialRelay{100, 900, "relay.example.com", std::nullopt, std::nullopt, 443});
  site.pass(minutes(5));
  EXPECT_EQ(site.dials.size(), dials);
  EXPECT_EQ(site.lookups.size(), lookups);
  EXPECT_TRUE(site.pings.empty());
  EXPECT_EQ(site.problem(),
            "this host's networks cannot be read (ask the kernel: Operation not permitted), and nothing new is "
            "connected while it is so");
  EXPECT_EQ(site.log.size(), 1U);
  const auto opening = site.reply(site.open("laser"));
  ASSERT_TRUE(opening);
  EXPECT_EQ(opening->code, ExitCode::failed);
  EXPECT_NE(opening->text.find("laser was not opened: this host's networks cannot be read"), std::string::npos)
      << opening->text;
  site.give(HostChanged{site.host});
  site.pass(seconds(2));
  EXPECT_EQ(site.problem(), "");
  EXPECT_EQ(site.dial(), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateJudged, is_not_opened_by_a_gate_that_could_never_read_its_hosts_networks) {
  Site site;
  site.host_is_readable = false;
  site.restart();
  const auto reply = site.reply(site.open("mfp"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, ExitCode::failed);
  EXPECT_EQ(site.records("opened"), 0U);
  site.give(HostChanged{site.host});
  EXPECT_EQ(site.reply(site.open("mfp"))->code, ExitCode::done);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateJudged, an_opening_ends_when_this_hosts_networks_cannot_be_read_any_more) {
  Site site;
  site.hold_looks = true;
  const CommandId open = site.open("mfp");
  site.give(HostChanged{failure<std::string>("ask the kernel: Operation not permitted")});
  ASSERT_TRUE(site.reply(open));
  EXPECT_NE(site.reply(open)->text.find("It was not opened: this host's networks cannot be read"), std::string::npos);
  EXPECT_EQ(site.running(), 0U);
  EXPECT_PROMISES_KEPT(site);
}

}  // namespace
}  // namespace quoin::gate
