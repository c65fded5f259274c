// The client joins, is refused, is forgotten, logs out.
#include <gtest/gtest.h>

#include "control/client_fixture.h"

namespace quoin::control {
namespace {

using ControlRegistration = ControlClientTest;

TEST_F(ControlRegistration, joins_and_follows_the_map) {
  for (const std::size_t size : {1, 10, 100'000}) {
    piece_bytes = size;
    Node& node = join();
    EXPECT_EQ(last<Registered>(node).login_name, "tagged-devices");
    EXPECT_EQ(count<MapStreamOpened>(node), 1u);
    EXPECT_TRUE(last<WantConnection>(node).fetch_key);
    EXPECT_EQ(node.client.netmap().self()->key, node.node_key);
    EXPECT_EQ(node.client.netmap().peers().size(), nodes.size() - 1);
  }
}

TEST_F(ControlRegistration, registers_as_ephemeral_with_the_key_and_without_tags) {
  join();
  ASSERT_EQ(box.registers.size(), 1u);
  const RegisterRequest& request = box.registers[0];
  EXPECT_TRUE(request.ephemeral);
  EXPECT_EQ(request.version, capability_version);
  EXPECT_EQ(request.auth->auth_key, join_key);
  EXPECT_TRUE(request.hostinfo.request_tags.empty());
  EXPECT_TRUE(request.hostinfo.routable_ips.empty());
  EXPECT_TRUE(request.expiry.is_zero());
  EXPECT_EQ(request.hostinfo.hostname, "mfp");
  EXPECT_EQ(request.hostinfo.backend_log_id.size(), 64u);
}

TEST_F(ControlRegistration, joins_a_server_that_sends_no_early_payload) {
  box.moods.early_payload = false;
  join();
}

TEST_F(ControlRegistration, sees_other_nodes_come_change_and_go) {
  Node& first = join();
  Node& second = join();
  const Peer* peer = first.client.netmap().peer(second.node_key);
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->disco_key, second.disco_key);
  EXPECT_EQ(peer->login, "tagged-devices");
  EXPECT_TRUE(peer->tagged());
  const NodeId id = peer->id;

  second.client.set_home_region(4, now);
  second.client.set_endpoints({{*Endpoint::parse("198.51.100.9:41641"), EndpointType::stun}}, now);
  pass(a_moment);
  EXPECT_EQ(first.client.netmap().peer(id)->home_region, 4);
  EXPECT_EQ(first.client.netmap().peer(id)->endpoints.at(0).text(), "198.51.100.9:41641");
  EXPECT_EQ(last<NetmapChanged>(first).change.peers.changed, std::vector{id});

  second.client.log_out(now);
  pass(a_moment);
  EXPECT_EQ(first.client.netmap().peer(id), nullptr);
  EXPECT_EQ(last<NetmapChanged>(first).change.peers.removed, std::vector{id});
}

TEST_F(ControlRegistration, is_told_of_a_refused_join_key_and_waits_for_another) {
  offered_key = "hskey-auth-wrong";
  Node& node = add();
  pass(minutes(10));
  EXPECT_EQ(count<JoinKeyRefused>(node), 1u);
  EXPECT_EQ(last<JoinKeyRefused>(node).text, "invalid key: unable to validate API key");
  EXPECT_EQ(box.registers.size(), 1u) << "no loop";
  node.client.provide_join_key(join_key, now);
  pass(a_moment);
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlRegistration, takes_a_wish_for_a_browser_as_a_refusal) {
  box.moods.auth_url = "https://control.example/register/abc";
  Node& node = add();
  pass(minutes(1));
  EXPECT_EQ(count<JoinKeyRefused>(node), 1u);
  EXPECT_EQ(last<JoinKeyRefused>(node).text.find("https"), std::string::npos);
  EXPECT_EQ(box.registers.size(), 1u);
}

TEST_F(ControlRegistration, shows_what_the_server_says_cut_and_printable) {
  box.moods.register_error = "\x1b[31mno\n" + std::string(1000, 'x');
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(last<JoinKeyRefused>(node).text.substr(0, 8), "?[31mno?");
  EXPECT_EQ(last<JoinKeyRefused>(node).text.size(), Client::text_bytes_max);
}

TEST_F(ControlRegistration, tries_again_more_slowly_when_registration_fails) {
  box.moods.register_status = 503;
  Node& node = add();
  pass(minutes(5));
  EXPECT_GE(box.registers.size(), 15u);
  EXPECT_LE(box.registers.size(), 45u) << "n^2 * 10 ms, at most 30 s";
  EXPECT_EQ(last<RegistrationFailed>(node).text, "it answered 503 not today");
  box.moods.register_status = 200;
  pass(seconds(31));
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlRegistration, waits_as_long_as_a_429_says) {
  box.moods.register_status = 429;
  box.moods.retry_after = "60";
  add();
  pass(seconds(59));
  EXPECT_EQ(box.registers.size(), 1u);
  pass(seconds(2));
  EXPECT_EQ(box.registers.size(), 2u);
}

TEST_F(ControlRegistration, waits_five_to_ten_seconds_when_a_429_says_nothing_of_use) {
  box.moods.register_status = 429;
  for (const char* text : {"", "0", "-1", "3601", "Sat, 22 Aug 2026 10:00:00 GMT"}) {
    box.moods.retry_after = text;
    const std::size_t before = box.registers.size();
    add();
    pass(milliseconds(4900));
    EXPECT_EQ(box.registers.size(), before + 1) << text;
    pass(milliseconds(5200));
    EXPECT_GE(box.registers.size(), before + 2) << text;
    nodes.clear();
  }
}

TEST_F(ControlRegistration, gives_up_a_registration_that_is_not_answered) {
  box.moods.silent = true;
  Node& node = add();
  pass(seconds(29));
  EXPECT_EQ(count<RegistrationFailed>(node), 0u);
  pass(seconds(2));
  EXPECT_EQ(count<RegistrationFailed>(node), 1u);
}

TEST_F(ControlRegistration, asks_for_the_key_again_when_the_connection_dies_before_it_was_used) {
  offered_key.clear();
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(count<WantJoinKey>(node), 1u);
  box.restart();
  pass(seconds(1));
  EXPECT_EQ(count<WantJoinKey>(node), 2u);
  node.client.provide_join_key(join_key, now);
  pass(a_moment);
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlRegistration, takes_no_key_that_was_not_asked_for_and_none_that_is_no_key) {
  Node& node = join();
  node.client.provide_join_key(join_key, now);
  pass(seconds(1));
  EXPECT_EQ(box.registers.size(), 1u);
  offered_key = std::string(Client::join_key_bytes_max + 1, 'k');
  Node& other = add();
  pass(seconds(1));
  EXPECT_EQ(count<JoinKeyRefused>(other), 1u);
  EXPECT_EQ(box.registers.size(), 1u);
}

TEST_F(ControlRegistration, notices_within_minutes_that_it_was_deleted_and_registers_again) {
  Node& node = join();
  box.delete_node(node.node_key);
  for (int i = 0; i < 4; i++) {
    pass(seconds(50));
    box.send_keepalives();  // a deleted node's stream stays open and lively
  }
  EXPECT_EQ(count<Forgotten>(node), 1u);
  EXPECT_EQ(count<WantJoinKey>(node), 2u);
  EXPECT_EQ(count<Registered>(node), 2u);
  EXPECT_EQ(box.registers.at(1).node_key, node.node_key);
  EXPECT_TRUE(box.streams_to(node.node_key));
}

TEST_F(ControlRegistration, registers_again_when_the_stream_finds_it_unknown) {
  Node& node = join();
  box.delete_node(node.node_key);
  box.restart();
  pass(seconds(1));
  EXPECT_EQ(count<Forgotten>(node), 1u);
  EXPECT_EQ(count<Registered>(node), 2u);
}

TEST_F(ControlRegistration, takes_one_404_for_an_accident) {
  Node& node = join();
  box.moods.lite_status = 404;
  box.lite_updates.clear();
  node.client.set_home_region(3, now);
  settle();
  ASSERT_EQ(box.lite_updates.size(), 1u);
  box.moods.lite_status = 200;
  pass(seconds(10));
  EXPECT_EQ(count<Forgotten>(node), 0u);
}

TEST_F(ControlRegistration, takes_an_expired_key_of_its_own_for_being_forgotten) {
  Node& node = join();
  auto self = *box.node(node.node_key);
  self.expired = true;
  MapResponse tombstone;
  tombstone.node = self;
  box.send(node.node_key, tombstone);
  offered_key.clear();
  pass(seconds(1));
  EXPECT_EQ(count<Forgotten>(node), 1u);
  EXPECT_EQ(count<WantJoinKey>(node), 2u);
  EXPECT_EQ(box.registers.size(), 1u) << "no key was given";
}

TEST_F(ControlRegistration, logs_out_and_is_told) {
  Node& node = join();
  node.client.log_out(now);
  pass(a_moment);
  EXPECT_TRUE(last<LoggedOut>(node).told);
  EXPECT_FALSE(box.knows(node.node_key));
  EXPECT_LT(box.registers.back().expiry.unix_seconds, 1'000'000);
  EXPECT_FALSE(box.registers.back().auth.has_value());
  EXPECT_FALSE(node.client.poll_timeout().has_value());
  const std::size_t events = node.events.size();
  pass(hours(1));
  EXPECT_EQ(node.events.size(), events) << "nothing comes after it";
}

TEST_F(ControlRegistration, logs_out_at_once_when_the_server_never_heard_of_it) {
  reachable = false;
  Node& node = add();
  pass(seconds(1));
  node.client.log_out(now);
  pass(a_moment);
  EXPECT_TRUE(last<LoggedOut>(node).told);
}

TEST_F(ControlRegistration, says_when_nobody_could_be_told) {
  Node& node = join();
  reachable = false;
  box.restart();
  settle();
  node.client.log_out(now);
  settle();
  EXPECT_FALSE(last<LoggedOut>(node).told);
}

TEST_F(ControlRegistration, waits_no_longer_than_its_limit_for_the_answer_to_a_logout) {
  Node& node = join();
  box.moods.silent = true;
  node.client.log_out(now);
  pass(seconds(4));
  EXPECT_EQ(count<LoggedOut>(node), 0u);
  pass(seconds(2));
  EXPECT_FALSE(last<LoggedOut>(node).told);
}

TEST_F(ControlRegistration, logs_out_after_a_registration_that_is_on_its_way) {
  Node& node = add();
  offered_key.clear();
  settle();
  node.client.provide_join_key(join_key, now);
  node.client.log_out(now);
  pass(a_moment);
  EXPECT_TRUE(last<LoggedOut>(node).told);
  EXPECT_FALSE(box.knows(node.node_key));
  EXPECT_EQ(box.registers.size(), 2u);
  EXPECT_TRUE(box.streams.empty());
}

TEST_F(ControlRegistration, says_so_when_the_connection_dies_during_a_logout) {
  Node& node = join();
  node.client.log_out(now);
  node.client.connection_closed(now);
  settle();
  EXPECT_FALSE(last<LoggedOut>(node).told);
}

}  // namespace
}  // namespace quoin::control
