// Datagrams leave room to connections in all that the gate counts, and what is refused for want of it is said.
#include <algorithm>

#include <gtest/gtest.h>

#include "gate/session.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

struct RoomSite : Site {
  RoomSite() {
    listening.insert({at("192.168.77.21"), 161});
    session = open_with_alice("mfp", "4h");
    say(session, pair::Admit{node_key(2), "bob@example.com", false});
  }
  void ask(pair::RequestId id, pair::Transport transport, int engineer = 1) {
    const std::uint16_t port = transport == pair::Transport::tcp ? 80 : 161;
    say(session, pair::DialService{id, node_key(engineer), transport, port});
  }
  bool connected(pair::RequestId id) const {
    return std::ranges::count(told<pair::Connected>(session), id, &pair::Connected::request) > 0;
  }
  bool refused(pair::RequestId id) const {
    return std::ranges::count(told<pair::Failed>(session), id, &pair::Failed::request) > 0;
  }
  DeviceStatus status() { return reply(command(StatusRequest{}))->open->front(); }
  SessionId session;
};

TEST(GateRoom, datagrams_that_wait_leave_a_quarter_of_the_dials_to_connections) {
  RoomSite site;
  site.hold_looks = true;  // so that each waits until it is known that the device is there
  pair::RequestId id = 100;
  for (std::size_t i = 0; i < Errands::device_dials_of_one_max; i++) site.ask(id++, pair::Transport::udp);
  EXPECT_TRUE(site.refused(id - 1));
  site.ask(id, pair::Transport::tcp);
  EXPECT_FALSE(site.refused(id));
  site.release_looks();
  EXPECT_TRUE(site.connected(id));
}

TEST(GateRoom, who_asks_from_a_fresh_socket_without_end_still_begins_connections) {
  RoomSite site;
  pair::RequestId id = 1'000;
  for (std::uint64_t i = 0; i < Flows::opened_of_one_burst; i++) {
    site.ask(id, pair::Transport::udp);
    if (site.connected(id)) site.say(site.session, pair::FlowClosed{id, 0, 0});
    id++;
    if (i % 1'000 == 999) site.pass(milliseconds(900));
    if (i % 1'000 == 999) site.tunnels.at(site.session).received.clear();
  }
  site.ask(id, pair::Transport::udp);
  EXPECT_TRUE(site.refused(id));
  for (id++; id < 20'000; id++) {
    site.ask(id, pair::Transport::tcp);
    ASSERT_TRUE(site.connected(id));
    if (id > 10'000) break;
  }
  site.ask(++id, pair::Transport::udp, 2);
  EXPECT_TRUE(site.connected(id)) << "and so do others";
}

TEST(GateRoom, what_is_refused_for_want_of_room_is_in_the_status_for_ten_minutes) {
  RoomSite site;
  EXPECT_EQ(site.status().refused, "");
  site.say(site.session, pair::Refused{node_key(1), pair::Protocol::udp, pair::RefusedFor::too_many, {{161, 161, 40}}});
  EXPECT_TRUE(site.status().refused.starts_with("udp port 161 of alice@example.com since ")) << site.status().refused;
  EXPECT_NE(site.reply(site.command(StatusRequest{}))->text.find("refused    udp port 161"), std::string::npos);
  EXPECT_NE(site.last_record("attempts").find("too many at once"), std::string::npos);
  site.say(site.session, pair::Refused{node_key(1), pair::Protocol::tcp, pair::RefusedFor::service, {{99, 99, 1}}});
  EXPECT_TRUE(site.status().refused.starts_with("udp port 161")) << "the rest is the warrant's";
  site.say(site.session, pair::Refused{node_key(2), pair::Protocol::icmp, pair::RefusedFor::too_large, {{0, 0, 1}}});
  EXPECT_TRUE(site.status().refused.starts_with("ping of bob@example.com since ")) << site.status().refused;
  EXPECT_NE(site.last_record("attempts").find("too large to be carried"), std::string::npos);
  site.pass(minutes(10));
  EXPECT_EQ(site.status().refused, "");
}

}  // namespace
}  // namespace quoin::gate
