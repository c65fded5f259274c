// The client's connection: handshakes that fail, servers that restart, connections that die.
#include <gtest/gtest.h>

#include "control/client_fixture.h"

namespace quoin::control {
namespace {

using ControlConnection = ControlClientTest;

TEST_F(ControlConnection, comes_back_more_slowly_while_there_is_no_connection) {
  reachable = false;
  Node& node = add();
  pass(minutes(5));
  EXPECT_GE(count<WantConnection>(node), 15u);
  EXPECT_LE(count<WantConnection>(node), 60u);
  reachable = true;
  pass(seconds(31));
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlConnection, goes_on_with_a_new_stream_and_no_registration_after_a_server_restart) {
  Node& node = join();
  for (int restart = 1; restart <= 3; restart++) {
    box.restart();
    pass(milliseconds(200));
    EXPECT_EQ(count<ConnectionLost>(node), static_cast<std::size_t>(restart));
    EXPECT_EQ(count<MapStreamOpened>(node), static_cast<std::size_t>(restart + 1));
  }
  EXPECT_EQ(box.registers.size(), 1u);
}

TEST_F(ControlConnection, forgets_peers_that_went_while_it_was_away) {
  Node& first = join();
  Node& second = join();
  const NodeId id = first.client.netmap().peer(second.node_key)->id;
  box.restart();
  box.delete_node(second.node_key);
  nodes.pop_back();
  pass(seconds(1));
  EXPECT_EQ(first.client.netmap().peer(id), nullptr);
  EXPECT_EQ(last<NetmapChanged>(first).change.peers.removed, std::vector{id});
}

TEST_F(ControlConnection, says_so_when_the_server_closes_after_the_upgrade_without_a_byte) {
  box.moods.version_min = capability_version + 1;
  Node& node = add();
  pass(seconds(1));
  EXPECT_GE(count<HandshakeRefused>(node), 2u);
  EXPECT_EQ(last<HandshakeRefused>(node).text, "");
}

TEST_F(ControlConnection, shows_the_words_of_an_error_frame) {
  first_bytes = std::string("\x03\x00\x07too old", 10);
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(last<HandshakeRefused>(node).text, "too old");
}

TEST_F(ControlConnection, tells_a_server_that_speaks_something_else) {
  first_bytes = "HTTP/1.1 400 Bad Request\r\n\r\n";
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(count<NotAControlServer>(node), 1u);
}

TEST_F(ControlConnection, refuses_a_server_whose_key_is_not_the_pinned_one) {
  SeededRandom other(99);
  Node& node = add(crypto::MachinePrivateKey::generate(other).public_key());
  pass(seconds(1));
  EXPECT_GE(count<KeyMismatch>(node), 1u);
  EXPECT_FALSE(last<WantConnection>(node).fetch_key);
  EXPECT_TRUE(box.registers.empty());
}

TEST_F(ControlConnection, refuses_a_key_that_nobody_can_hold) {
  shown_key = crypto::MachinePublicKey();
  Node& node = add();
  pass(a_moment);
  EXPECT_GE(count<NotAControlServer>(node), 1u);
}

TEST_F(ControlConnection, gives_up_a_handshake_without_an_answer) {
  Node& node = add();
  ASSERT_TRUE(node.client.poll_event().has_value());
  ASSERT_TRUE(node.client.connection_opened(box.public_key(), now).has_value());
  node.client.upgraded(now);
  pass(seconds(11));
  EXPECT_EQ(count<HandshakeRefused>(node), 1u);
}

TEST_F(ControlConnection, notices_a_dead_connection_when_asked_to_look) {
  Node& node = join();
  node.client.check_connection(now);
  pass(seconds(6));
  EXPECT_EQ(count<ConnectionLost>(node), 0u) << "the ping was answered";
  node.connection.reset();  // the network swallows everything from here on
  node.client.check_connection(now);
  pass(seconds(4));
  EXPECT_EQ(count<ConnectionLost>(node), 0u);
  pass(seconds(2));
  EXPECT_EQ(count<ConnectionLost>(node), 1u);
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlConnection, dies_of_a_forged_record_and_comes_back) {
  Node& node = join();
  Buffer forged(100);
  Writer(forged).u8(4);  // a record of 97 bytes
  forged[2] = std::byte{97};
  node.client.handle_bytes(forged, now);
  EXPECT_FALSE(node.client.connected());
  pass(seconds(1));
  EXPECT_EQ(count<ConnectionLost>(node), 1u);
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

}  // namespace
}  // namespace quoin::control
