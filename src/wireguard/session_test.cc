// Two Interfaces against each other on a virtual clock: what the paper's section 6 says must happen, and when.

#include <algorithm>

#include <gtest/gtest.h>

#include "wireguard/two_nodes.h"

namespace quoin::wireguard {
namespace {

std::size_t established(const TestNode& node) {
  return static_cast<std::size_t>(std::ranges::count_if(
      node.events, [](const Event& event) { return std::holds_alternative<SessionEstablished>(event); }));
}
std::size_t gave_up(const TestNode& node) {
  return static_cast<std::size_t>(std::ranges::count_if(
      node.events, [](const Event& event) { return std::holds_alternative<HandshakeGaveUp>(event); }));
}
Role role_of(const Event& event) {
  return std::get<SessionEstablished>(event).role;
}

TEST(Session, the_first_packet_starts_a_handshake_and_arrives) {
  TwoNodes nodes;
  EXPECT_EQ(nodes.send(nodes.a, 7), Sealed::staged);
  nodes.settle();
  ASSERT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.b.delivered[0], ipv4_packet(nodes.a.inner, nodes.b.inner, 100, 7));
  ASSERT_EQ(nodes.a.events.size(), 1U);
  EXPECT_EQ(role_of(nodes.a.events[0]), Role::initiator);
  ASSERT_EQ(nodes.b.events.size(), 1U);
  EXPECT_EQ(role_of(nodes.b.events[0]), Role::responder);
  EXPECT_EQ(nodes.sent_log, (std::vector<std::optional<MessageType>>{MessageType::initiation, MessageType::response,
                                                                     MessageType::transport}));
  EXPECT_EQ(nodes.send(nodes.b, 8), Sealed::ready);
  nodes.settle();
  EXPECT_EQ(nodes.a.delivered.size(), 1U);
}

TEST(Session, packets_of_every_length_arrive_without_their_padding) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  for (std::size_t length = 20; length <= 1280; length++) {
    nodes.send(nodes.a, static_cast<std::uint8_t>(length), length);
  }
  for (const InFlight& message : nodes.wire) EXPECT_EQ(message.datagram.size() % 16, 0U);
  nodes.settle();
  ASSERT_EQ(nodes.b.delivered.size(), 1261U);
  for (std::size_t i = 0; i < nodes.b.delivered.size(); i++) {
    ASSERT_EQ(nodes.b.delivered[i],
              ipv4_packet(nodes.a.inner, nodes.b.inner, i + 20, static_cast<std::uint8_t>(i + 20)));
  }
}

TEST(Session, a_handshake_started_without_a_packet_is_confirmed_by_a_keepalive) {
  TwoNodes nodes;
  nodes.a.interface->start_handshake(nodes.a.peer, nodes.now);
  nodes.settle();
  EXPECT_EQ(established(nodes.a), 1U);
  EXPECT_EQ(established(nodes.b), 1U);
  EXPECT_TRUE(nodes.b.delivered.empty());
  EXPECT_EQ(nodes.send(nodes.b, 1), Sealed::ready);
}

TEST(Session, the_responder_sends_nothing_on_keys_that_are_not_confirmed) {
  TwoNodes nodes;
  nodes.lose = [](const TestNode&, const Buffer& datagram) { return message_type(datagram) == MessageType::transport; };
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_EQ(established(nodes.b), 0U);
  EXPECT_EQ(nodes.send(nodes.b, 2), Sealed::staged);
  nodes.lose = nullptr;
  nodes.send(nodes.a, 3);
  nodes.settle();
  EXPECT_EQ(established(nodes.b), 1U);
  EXPECT_EQ(nodes.a.delivered.size(), 1U) << "what the responder had staged follows the confirmation";
}

// Any one message of the first handshake is lost; both directions work again within one repetition.
TEST(Session, survives_the_loss_of_any_handshake_message) {
  for (int lost = 0; lost < 3; lost++) {
    TwoNodes nodes;
    int count = 0;
    nodes.lose = [&](const TestNode&, const Buffer&) { return count++ == lost; };
    nodes.send(nodes.a, 1);
    nodes.send(nodes.a, 2);
    nodes.advance(seconds(6));
    nodes.send(nodes.a, 3);
    nodes.send(nodes.b, 4);
    nodes.advance(seconds(6));
    EXPECT_GE(nodes.b.delivered.size(), lost == 2 ? 2U : 3U) << lost;
    EXPECT_EQ(nodes.a.delivered.size(), 1U) << lost;
    EXPECT_GE(established(nodes.a), 1U) << lost;
    EXPECT_GE(established(nodes.b), 1U) << lost;
  }
}

TEST(Session, crossing_handshakes_both_succeed_at_once) {
  TwoNodes nodes;
  nodes.send(nodes.a, 1);
  nodes.send(nodes.b, 2);  // both initiations are on the wire now
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.a.delivered.size(), 1U);
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(nodes.send(nodes.a, 3), Sealed::ready);
    EXPECT_EQ(nodes.send(nodes.b, 4), Sealed::ready);
    nodes.advance(seconds(1));
  }
  EXPECT_EQ(nodes.b.delivered.size(), 11U);
  EXPECT_EQ(nodes.a.delivered.size(), 11U);
}

TEST(Session, crossing_rekeys_lose_nothing) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.advance(seconds(100));
  nodes.a.interface->start_handshake(nodes.a.peer, nodes.now);
  nodes.b.interface->start_handshake(nodes.b.peer, nodes.now);
  std::size_t sent = 0;
  for (int i = 0; i < 300; i++) {
    EXPECT_EQ(nodes.send(nodes.a, 1), Sealed::ready);
    EXPECT_EQ(nodes.send(nodes.b, 2), Sealed::ready);
    nodes.advance(seconds(1));
    sent++;
  }
  EXPECT_EQ(nodes.b.delivered.size(), sent);
  EXPECT_EQ(nodes.a.delivered.size(), sent);
}

TEST(Session, the_initiator_rekeys_when_it_sends_after_120_seconds) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.advance(seconds(119));
  nodes.sent_log.clear();
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_EQ(nodes.sent(MessageType::initiation), 0U);
  nodes.advance(seconds(1));
  nodes.send(nodes.b, 2);
  nodes.settle();
  EXPECT_EQ(nodes.sent(MessageType::initiation), 0U) << "the responder leaves it to the initiator";
  nodes.send(nodes.a, 3);
  nodes.settle();
  EXPECT_EQ(nodes.sent(MessageType::initiation), 1U);
  EXPECT_EQ(established(nodes.a), 1U);
  EXPECT_EQ(established(nodes.b), 1U);
  EXPECT_EQ(nodes.a.delivered.size(), 1U);
  EXPECT_EQ(nodes.b.delivered.size(), 2U);
}

TEST(Session, the_initiator_rekeys_when_it_only_receives_after_165_seconds) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.lose = [&](const TestNode& from, const Buffer&) { return &from == &nodes.a; };  // so that a's keepalives rest
  nodes.freeze(seconds(164));
  nodes.send(nodes.b, 1);
  nodes.settle();
  EXPECT_EQ(nodes.sent(MessageType::initiation), 0U);
  nodes.freeze(seconds(1));
  nodes.send(nodes.b, 2);
  nodes.settle();
  EXPECT_EQ(nodes.a.delivered.size(), 2U);
  EXPECT_EQ(nodes.sent(MessageType::initiation), 1U);
}

TEST(Session, a_flow_of_ten_minutes_loses_nothing_at_rekeys) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  for (int i = 0; i < 6000; i++) {
    ASSERT_EQ(nodes.send(nodes.a, 1), Sealed::ready);
    ASSERT_EQ(nodes.send(nodes.b, 2), Sealed::ready);
    nodes.advance(milliseconds(100));
  }
  EXPECT_EQ(nodes.b.delivered.size(), 6000U);
  EXPECT_EQ(nodes.a.delivered.size(), 6000U);
  EXPECT_EQ(established(nodes.a), 4U);
  EXPECT_EQ(established(nodes.b), 4U);
  EXPECT_EQ(nodes.a.interface->drops().total(), 0U);
}

TEST(Session, packets_under_way_on_the_previous_keys_still_arrive) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.send(nodes.b, 1);
  const InFlight late = nodes.wire.front();
  nodes.wire.clear();
  nodes.advance(seconds(6));
  nodes.a.interface->start_handshake(nodes.a.peer, nodes.now);
  nodes.settle();
  nodes.deliver(late);
  EXPECT_EQ(nodes.a.delivered.size(), 1U);
}

TEST(Session, is_neither_sent_nor_received_on_after_180_seconds) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.send(nodes.a, 1);
  const InFlight in_time = nodes.wire.front();
  nodes.wire.clear();
  nodes.send(nodes.a, 2);
  const InFlight too_late = nodes.wire.front();
  nodes.wire.clear();
  nodes.freeze(seconds(180) - nanoseconds(1));
  nodes.deliver(in_time);
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.send(nodes.b, 3), Sealed::ready);
  nodes.wire.clear();
  nodes.freeze(nanoseconds(1));
  nodes.deliver(too_late);
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::expired_session], 1U);
  EXPECT_EQ(nodes.send(nodes.b, 4), Sealed::staged);
  EXPECT_FALSE(nodes.b.interface->has_session(nodes.b.peer, nodes.now));
}

TEST(Session, everything_is_refused_at_once_after_a_long_sleep) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.send(nodes.a, 1);
  const InFlight data = nodes.wire.front();
  nodes.wire.clear();
  nodes.advance(seconds(6));
  nodes.a.interface->start_handshake(nodes.a.peer, nodes.now);
  nodes.collect(nodes.a);
  nodes.deliver(nodes.wire.front());  // the initiation
  nodes.wire.pop_front();
  const InFlight response = nodes.wire.front();
  nodes.wire.clear();
  nodes.freeze(hours(8));
  nodes.deliver(data);
  nodes.deliver(response);
  EXPECT_TRUE(nodes.b.delivered.empty());
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::expired_session], 1U);
  EXPECT_EQ(nodes.a.interface->drops()[DropReason::unexpected_response], 1U);
  // And it works again with the first packet.
  EXPECT_EQ(nodes.send(nodes.a, 2), Sealed::staged);
  nodes.a.interface->handle_timeout(nodes.now);
  nodes.b.interface->handle_timeout(nodes.now);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST(Session, keys_are_erased_after_540_seconds) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.send(nodes.a, 1);
  const InFlight late = nodes.wire.front();
  nodes.wire.clear();
  nodes.advance(seconds(539));
  nodes.deliver(late);
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::expired_session], 1U);
  nodes.advance(seconds(2));
  nodes.deliver(late);
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::unknown_receiver], 1U) << "nothing of it is left";
  EXPECT_EQ(nodes.b.interface->poll_timeout(), std::nullopt) << "and nothing wakes any more";
}

TEST(Session, gives_up_after_90_seconds_and_drops_what_waited) {
  TwoNodes nodes;
  nodes.lose = [](const TestNode&, const Buffer&) { return true; };
  for (int i = 0; i < 5; i++) nodes.send(nodes.a, 1);
  nodes.advance(seconds(89));
  EXPECT_EQ(gave_up(nodes.a), 0U);
  nodes.advance(seconds(7));
  EXPECT_EQ(gave_up(nodes.a), 1U);
  EXPECT_EQ(nodes.a.interface->drops()[DropReason::staged_given_up], 5U);
  EXPECT_GE(nodes.sent(MessageType::initiation), 17U);
  EXPECT_LE(nodes.sent(MessageType::initiation), 19U);
  const std::size_t before = nodes.sent_log.size();
  nodes.advance(hours(1));
  EXPECT_EQ(nodes.sent_log.size(), before) << "silence after that";
  nodes.lose = nullptr;
  nodes.send(nodes.a, 2);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST(Session, initiations_are_at_least_5_seconds_apart_however_much_is_sent) {
  TwoNodes nodes;
  nodes.lose = [](const TestNode&, const Buffer&) { return true; };
  for (int i = 0; i < 400; i++) {
    nodes.send(nodes.a, 1);
    nodes.advance(milliseconds(100));
  }
  EXPECT_EQ(nodes.sent(MessageType::initiation), 8U);
}

TEST(Session, received_data_without_an_answer_is_acknowledged_by_one_keepalive) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.send(nodes.a, 1);
  nodes.advance(seconds(9));
  EXPECT_EQ(nodes.sent(MessageType::transport), 1U);
  nodes.advance(seconds(2));
  EXPECT_EQ(nodes.sent(MessageType::transport), 2U);
  EXPECT_TRUE(nodes.a.delivered.empty());
  nodes.advance(seconds(60));
  EXPECT_EQ(nodes.sent_log.size(), 2U) << "a keepalive is not answered, and there is no doubt";
}

TEST(Session, an_idle_session_is_silent) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.advance(seconds(12));  // the keepalive for what established it
  nodes.sent_log.clear();
  nodes.advance(hours(1));
  EXPECT_TRUE(nodes.sent_log.empty());
}

TEST(Session, no_reply_for_15_seconds_starts_a_handshake) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.advance(seconds(20));
  nodes.sent_log.clear();
  nodes.lose = [](const TestNode&, const Buffer&) { return true; };
  nodes.send(nodes.a, 1);
  nodes.advance(seconds(15) - nanoseconds(1));
  EXPECT_EQ(nodes.sent(MessageType::initiation), 0U);
  nodes.advance(milliseconds(340));
  EXPECT_EQ(nodes.sent(MessageType::initiation), 1U);
}

TEST(Session, recovers_from_a_restart_of_the_peer) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.advance(seconds(20));
  nodes.b.restart(nodes.now);
  nodes.introduce(nodes.b, nodes.a);
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_TRUE(nodes.b.delivered.empty());
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::unknown_receiver], 1U);
  nodes.advance(seconds(16));
  nodes.send(nodes.a, 2);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST(Session, reset_erases_older_sessions_and_the_next_packet_begins_a_new_one) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.advance(seconds(1));
  nodes.b.restart(nodes.now);
  nodes.introduce(nodes.b, nodes.a);
  nodes.a.interface->reset_session(nodes.a.peer, nodes.now, nodes.now);
  EXPECT_FALSE(nodes.a.interface->has_session(nodes.a.peer, nodes.now));
  EXPECT_EQ(nodes.send(nodes.a, 1), Sealed::staged);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U) << "although the last handshake is only a second old";
}

TEST(Session, reset_leaves_a_fresh_session_alone) {
  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.advance(seconds(1));
  nodes.b.restart(nodes.now);
  nodes.introduce(nodes.b, nodes.a);
  nodes.establish(nodes.b);  // the restarted peer was faster than the news of its restart
  nodes.advance(milliseconds(200));
  nodes.a.interface->reset_session(nodes.a.peer, nodes.now - seconds(1), nodes.now);
  EXPECT_EQ(nodes.send(nodes.a, 1), Sealed::ready);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST(Session, at_most_128_packets_wait_and_the_oldest_make_room) {
  TwoNodes nodes;
  for (int i = 0; i < 200; i++) nodes.send(nodes.a, static_cast<std::uint8_t>(i));
  EXPECT_EQ(nodes.a.interface->drops()[DropReason::staged_overflow], 72U);
  nodes.settle();
  ASSERT_EQ(nodes.b.delivered.size(), 128U);
  EXPECT_EQ(nodes.b.delivered.front().back(), std::byte{72});
  EXPECT_EQ(nodes.b.delivered.back().back(), std::byte{199});
}

TEST(Session, stops_at_the_last_counter_and_rekeys_before_it) {
  TwoNodes nodes({.rekey_after = 50, .reject_after = 60});
  nodes.establish(nodes.a);
  nodes.advance(seconds(6));
  nodes.lose = [](const TestNode&, const Buffer& datagram) {
    return message_type(datagram) == MessageType::initiation;
  };
  nodes.sent_log.clear();
  int ready = 0;
  for (int i = 0; i < 49; i++) ready += nodes.send(nodes.a, 1) == Sealed::ready ? 1 : 0;
  EXPECT_EQ(nodes.sent(MessageType::initiation), 0U);
  ready += nodes.send(nodes.a, 1) == Sealed::ready ? 1 : 0;
  EXPECT_EQ(nodes.sent(MessageType::initiation), 1U) << "the 51st packet of the session";
  for (int i = 0; i < 50; i++) ready += nodes.send(nodes.a, 1) == Sealed::ready ? 1 : 0;
  EXPECT_EQ(ready, 59) << "counters 1 to 59; the first packet was 0";
  EXPECT_EQ(nodes.sent(MessageType::initiation), 1U);
  nodes.lose = nullptr;
  nodes.advance(seconds(6));
  EXPECT_EQ(nodes.b.delivered.size(), 100U) << "what waited went out on new keys";
}

TEST(Session, a_burst_that_would_cross_the_last_counter_waits_whole) {
  TwoNodes nodes({.rekey_after = 50, .reject_after = 60});
  nodes.establish(nodes.a);
  nodes.batch.clear();
  const Buffer packet = ipv4_packet(nodes.a.inner, nodes.b.inner, 64);
  for (int i = 0; i < 60; i++) std::ranges::copy(packet, nodes.batch.append(64).begin());
  EXPECT_EQ(nodes.a.interface->seal(nodes.a.peer, nodes.batch, 0, 60, nodes.now), Sealed::staged);
  EXPECT_EQ(nodes.a.interface->seal(nodes.a.peer, nodes.batch, 0, 59, nodes.now), Sealed::ready);
}

TEST(Session, more_staged_packets_than_one_session_carries_take_several) {
  TwoNodes nodes({.rekey_after = 50, .reject_after = 60});
  for (int i = 0; i < 100; i++) nodes.send(nodes.a, 1);
  nodes.advance(seconds(30));
  EXPECT_EQ(nodes.b.delivered.size(), 100U);
}

TEST(Session, counts_bytes_and_remembers_the_last_handshake) {
  TwoNodes nodes;
  EXPECT_EQ(nodes.a.interface->statistics(nodes.a.peer)->last_handshake, std::nullopt);
  nodes.send(nodes.a, 1, 100);
  nodes.settle();
  const auto statistics = nodes.a.interface->statistics(nodes.a.peer);
  EXPECT_EQ(statistics->sent_bytes, 148U + 32 + 112);
  EXPECT_EQ(statistics->received_bytes, 92U);
  EXPECT_EQ(statistics->last_handshake, nodes.now);
  EXPECT_EQ(nodes.b.interface->statistics(nodes.b.peer)->received_bytes, 148U + 32 + 112);
}

}  // namespace
}  // namespace quoin::wireguard
