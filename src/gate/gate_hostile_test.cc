// Attacks by a taken-over tunnel: each test is named by what must not happen. The edge itself notes any dial to a
// wrong place, any word to a killed tunnel, any descriptor lost.
#include <gtest/gtest.h>

#include "gate/hostile_tunnel.h"
#include "gate/session.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

TEST(GateHostile, a_message_that_cannot_be_read_ends_and_kills_at_once) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.garble(session);
  EXPECT_TRUE(site.tunnels.at(session).killed);
  EXPECT_EQ(site.gate->open_sessions(), 0U);
  EXPECT_NE(site.last_record("closed").find("the tunnel broke the rules: a message that cannot be read"),
            std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateHostile, a_request_id_in_use_cannot_be_used_again) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.hold_dials = true;
  site.say(session, pair::DialService{9, node_key(1), pair::Transport::tcp, 80});
  site.say(session, pair::PingDevice{9, node_key(1), 8});
  EXPECT_TRUE(site.tunnels.at(session).killed);
  Site other;
  const SessionId flow = other.open_with_alice();
  other.say(flow, pair::DialService{9, node_key(1), pair::Transport::tcp, 80});
  other.say(flow, pair::DialRelay{9, 1, "relay.example.com", {}, {}, 443});  // the flow is still open
  EXPECT_TRUE(other.tunnels.at(flow).killed);
}

TEST(GateHostile, the_node_key_cannot_change) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.say(session, pair::Registered{node_key(0x77), "node-1", {at("100.64.0.1")}});
  EXPECT_TRUE(site.tunnels.at(session).killed);
}

TEST(GateHostile, the_join_key_cannot_be_drawn_without_end) {
  Site site;
  const SessionId session = site.open_with_alice();
  for (int i = 0; i < 100; i++) site.say(session, pair::WantJoinKey{});
  EXPECT_TRUE(site.tunnels.at(session).killed);
  EXPECT_LE(site.told<pair::JoinKey>(session).size(), Errands::join_keys_max);
}

TEST(GateHostile, a_flood_of_messages_ends_it) {
  Site site;
  const SessionId session = site.open_with_alice();
  std::uint64_t sent = 0;
  while (site.running() > 0 && sent < 2 * Session::messages_burst) {
    site.say(session, pair::Solved{pair::ProblemKind::forgotten});
    sent++;
  }
  EXPECT_TRUE(site.tunnels.at(session).killed);
  EXPECT_LE(sent, Session::messages_burst + 1);
}

TEST(GateHostile, many_messages_at_a_bearable_rate_do_not) {
  Site site;
  const SessionId session = site.open_with_alice("mfp", "4h");
  for (int second = 0; second < 20; second++) {
    for (std::uint64_t i = 0; i < Session::messages_per_second; i++) {
      site.say(session, pair::PathReport{node_key(1), pair::PathKind::relay, "lab"});
    }
    site.pass(seconds(1));
  }
  EXPECT_EQ(site.running(), 1U);
}

TEST(GateHostile, a_flood_of_nodes_is_bounded_and_counted) {
  Site site;
  const SessionId session = site.open_with_alice();
  for (int i = 0; i < 1000; i++) {
    std::array<std::byte, 32> bytes{};
    bytes[0] = static_cast<std::byte>(i);
    bytes[1] = static_cast<std::byte>(i >> 8);
    bytes[2] = std::byte{1};
    site.say(session, pair::Admit{crypto::NodePublicKey(bytes), "mallory@example.com", false});
  }
  EXPECT_EQ(site.records("engineer_refused"), Admissions::nodes_max - 1);
  site.command(CloseRequest{});
  EXPECT_NE(site.last_record("closed").find("\"engineers_refused_not_written\":745"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateHostile, names_of_nodes_cannot_forge_records) {
  Site site;
  site.open("mfp");
  site.say(1, pair::Admit{node_key(1), "eve\",\"event\":\"stopped", false});
  EXPECT_EQ(site.records("stopped"), 0U);
  EXPECT_EQ(site.records("engineer_refused"), 1U);
  EXPECT_TRUE(site.audit_is_whole());
}

TEST(GateHostile, nothing_prolongs_or_reopens_a_warrant) {
  Site site;
  const SessionId session = site.open_with_alice("mfp", "45s");
  site.manner = SimulatedEdge::Manner::silent;
  SeededRandom random(7);
  HostileTunnel hostile(random);
  for (int i = 0; i < 44; i++) {
    site.say(session, hostile.valid_report());
    site.pass(seconds(1));
  }
  ASSERT_EQ(site.running(), 1U);
  site.pass(seconds(1));
  for (int i = 0; i < 50; i++) {
    site.say(session, hostile.anything());
    site.pass(milliseconds(20));
  }
  EXPECT_EQ(site.running(), 0U);
  EXPECT_PROMISES_KEPT(site);
}

// Every kind of message at every step of a session's life, with an edge that notes every broken promise.
TEST(GateHostile, no_message_at_any_time_opens_widens_or_prolongs_anything) {
  for (std::uint64_t seed = 1; seed <= 400; seed++) {
    SeededRandom random(seed);
    HostileTunnel hostile(random);
    Site site;
    hostile.play(site, 150);
    ASSERT_EQ(site.broken, std::vector<std::string>()) << "seed " << seed;
    // Whatever was going on: closing everything is over within two seconds, and every opening has its closing.
    site.hold_dials = false;
    site.hold_exits = false;
    site.disk_works = true;
    site.release_appends();
    site.command(CloseRequest{});
    site.pass(seconds(10));
    ASSERT_EQ(site.running(), 0U) << "seed " << seed;
    ASSERT_EQ(site.gate->open_sessions(), 0U) << "seed " << seed;
    ASSERT_EQ(site.records("opened"), site.records("closed")) << "seed " << seed;
    ASSERT_EQ(site.records("flow_opened"), site.records("flow")) << "seed " << seed;
    ASSERT_TRUE(site.audit_is_whole()) << "seed " << seed;
    ASSERT_EQ(site.broken, std::vector<std::string>()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace quoin::gate
