// A connection step by step: handshake, closing, timers, recovery, acknowledgments, windows.
#include "netstack/tcp/connection.h"

#include <gtest/gtest.h>

#include "netstack/tcp/by_hand_test.h"

namespace quoin::netstack::tcp {
namespace {

using enum State;

TEST(TcpChallenge, is_limited_to_ten_a_second) {
  ByHand hand = in(established);
  int answers = 0;
  for (int i = 0; i < 100; i++) {
    hand.arrive({.sequence = hand.sequence + 5, .flags = rst});
    answers += static_cast<int>(hand.answers.size());
  }
  EXPECT_EQ(answers, ChallengeLimit::answers_max);
  hand.now += ChallengeLimit::interval;
  hand.arrive({.sequence = hand.sequence + 5, .flags = rst});
  EXPECT_EQ(hand.answers.size(), 1u);
}

TEST(TcpPaws, drops_a_segment_with_an_old_timestamp_unless_the_newest_is_24_days_old) {
  const Options offer{.timestamps = Timestamps{.value = 0x8000'0005}};
  Config config = plain();
  config.timestamps = true;
  ByHand hand = in(syn_received, config, offer);
  const auto arrive = [&](std::uint32_t value, std::size_t payload) {
    hand.arrive({.sequence = hand.sequence,
                 .acknowledgment = hand.acknowledgment,
                 .flags = ack,
                 .options = {.timestamps = Timestamps{.value = value}}},
                payload);
  };
  arrive(0x8000'0006, 10);
  EXPECT_EQ(hand.tcp.readable_bytes(), 10u);
  hand.sequence += 10;
  arrive(0x8000'0004, 10);
  EXPECT_EQ(hand.tcp.readable_bytes(), 10u);
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].options.timestamps->echo, 0x8000'0006u);
  hand.now += hours(24 * 25);
  arrive(0x8000'0004, 10);
  EXPECT_EQ(hand.tcp.readable_bytes(), 20u);
}

TEST(TcpHandshake, repeats_its_answer_with_growing_gaps_and_gives_up_after_the_configured_time) {
  ByHand hand = in(syn_received);
  std::vector<Duration> gaps;
  Instant last = hand.now;
  while (const auto due = hand.tcp.poll_timeout()) {
    hand.now = *due;
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    if (hand.answers.empty()) break;
    gaps.push_back(hand.now - last);
    last = hand.now;
  }
  EXPECT_EQ(gaps, (std::vector<Duration>{seconds(1), seconds(2), seconds(4), seconds(8)}));
  EXPECT_EQ(hand.now - start, Config{}.handshake_timeout);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::timed_out}));
}

TEST(TcpHandshake, agrees_only_on_what_both_offer) {
  Config config = plain();
  config.timestamps = true;
  ByHand hand{.tcp = Connection::accept({.sequence = 1, .options = {.mss = 1'000, .window_scale = 3}}, config, start)};
  hand.drain();
  const Options& options = hand.answers.at(0).options;
  EXPECT_EQ(options.mss, 1'240);
  EXPECT_EQ(options.window_scale, ReceiveWindow::shift_offered);
  EXPECT_FALSE(options.timestamps);
  EXPECT_FALSE(options.sack_permitted);
}

TEST(TcpHandshake, opens_from_both_sides_at_once) {
  Connection a = connect({.initial_sequence = our_initial}, start);
  Connection b = connect({.initial_sequence = peer_initial}, start);
  const auto segment = [](const Outgoing& out) {
    return Segment{.sequence = out.sequence,
                   .acknowledgment = out.acknowledgment,
                   .flags = out.flags,
                   .window = out.window,
                   .options = out.options};
  };
  // Each round's segments cross.
  for (int round = 0; round < 4; round++) {
    std::vector<Outgoing> from_a, from_b;
    while (const auto out = a.poll_transmit(start)) from_a.push_back(*out);
    while (const auto out = b.poll_transmit(start)) from_b.push_back(*out);
    for (const Outgoing& out : from_a) b.handle_segment(segment(out), start);
    for (const Outgoing& out : from_b) a.handle_segment(segment(out), start);
  }
  EXPECT_EQ(a.state(), established);
  EXPECT_EQ(b.state(), established);
}

TEST(TcpClose, delivers_what_came_before_the_end_even_when_it_is_read_late) {
  ByHand hand = in(established);
  hand.arrive_in_order(fin, 500);
  hand.tcp.finish(hand.now);
  hand.drain();
  hand.arrive_in_order(ack);
  EXPECT_EQ(hand.tcp.state(), closed);
  EXPECT_FALSE(hand.tcp.closed());
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::readable}));
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::peer_finished}));
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  hand.tcp.consume(500, hand.now);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::finished}));
}

TEST(TcpClose, forgets_everything_on_a_reset) {
  ByHand hand = in(established);
  hand.arrive_in_order(ack, 500);
  hand.tcp.write(bytes_of("never arrives"), hand.now);
  hand.arrive({.sequence = hand.sequence, .flags = rst});
  EXPECT_EQ(hand.tcp.readable_bytes(), 0u);
  EXPECT_EQ(hand.tcp.write(bytes_of("more"), hand.now), 0u);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::reset}));
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  EXPECT_FALSE(hand.tcp.poll_timeout());
}

TEST(TcpClose, resets_the_peer_when_the_application_aborts) {
  ByHand hand = in(established);
  hand.answers.clear();
  hand.tcp.abort(hand.now);
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_TRUE(hand.answers[0].flags.rst);
  EXPECT_EQ(hand.answers[0].sequence, hand.acknowledgment);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::aborted}));
  EXPECT_FALSE(hand.tcp.poll_timeout());
}

TEST(TcpClose, resets_only_when_all_was_delivered_if_so_asked) {
  ByHand hand = in(established);
  const std::uint32_t before = hand.acknowledgment;
  hand.tcp.write(bytes_of("the answer"), hand.now);
  hand.tcp.abort_when_delivered(seconds(10), hand.now);
  EXPECT_EQ(hand.tcp.write(bytes_of("more"), hand.now), 0u);
  hand.answers.clear();
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 10u);
  EXPECT_FALSE(hand.answers[0].flags.fin || hand.answers[0].flags.rst);
  const std::uint32_t after = hand.acknowledgment;
  hand.acknowledgment = before + 4;  // a part of it; what the peer says meanwhile waits unread
  hand.arrive_in_order(ack, 100);
  for (const Outgoing& out : hand.answers) EXPECT_FALSE(out.flags.rst);
  hand.acknowledgment = after;
  hand.arrive_in_order(ack);
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_TRUE(hand.answers[0].flags.rst);
  EXPECT_EQ(hand.answers[0].sequence, after);
  hand.tcp.poll_event();
  EXPECT_EQ(hand.tcp.state(), closed);
  EXPECT_FALSE(hand.tcp.poll_timeout());
}

TEST(TcpClose, resets_at_once_if_there_is_nothing_to_deliver) {
  ByHand hand = in(established);
  hand.answers.clear();
  hand.tcp.abort_when_delivered(seconds(10), hand.now);
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_TRUE(hand.answers[0].flags.rst);
}

TEST(TcpClose, resets_in_the_end_though_nothing_is_acknowledged) {
  ByHand hand = in(established);
  hand.tcp.write(bytes_of("the answer"), hand.now);
  hand.tcp.abort_when_delivered(seconds(10), hand.now);
  hand.tcp.abort_when_delivered(seconds(60), hand.now);  // the first counts
  hand.drain();
  while (hand.tcp.state() != closed) {
    ASSERT_TRUE(hand.tcp.poll_timeout());
    hand.now = *hand.tcp.poll_timeout();
    hand.answers.clear();
    hand.tcp.handle_timeout(hand.now);
    hand.drain();
  }
  EXPECT_EQ(hand.now, start + seconds(10));
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_TRUE(hand.answers[0].flags.rst);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::aborted}));
}

TEST(TcpClose, repeats_its_fin_until_it_is_acknowledged) {
  ByHand hand = in(fin_wait_1);
  for (int i = 0; i < 3; i++) {
    hand.now = *hand.tcp.poll_timeout();
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    ASSERT_EQ(hand.answers.size(), 1u);
    EXPECT_TRUE(hand.answers[0].flags.fin);
    EXPECT_EQ(hand.answers[0].sequence, our_initial + 1);
  }
  hand.arrive_in_order(ack);
  EXPECT_EQ(hand.tcp.state(), fin_wait_2);
}

TEST(TcpTimeout, backs_off_and_gives_up_three_minutes_after_the_last_progress) {
  ByHand hand = in(established);
  hand.tcp.write(bytes_of("hello"), hand.now);
  hand.drain();
  Duration last_gap{0};
  Instant last = hand.now;
  int repeated = 0;
  while (!hand.tcp.closed()) {
    hand.now = *hand.tcp.poll_timeout();
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    if (hand.answers.empty()) continue;
    repeated++;
    EXPECT_EQ(hand.answers[0].payload_bytes(), 5u);
    EXPECT_GE(hand.now - last, last_gap);
    last_gap = hand.now - last;
    last = hand.now;
  }
  EXPECT_EQ(hand.now - start, minutes(3));
  EXPECT_GE(repeated, 7);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::timed_out}));
}

TEST(TcpKeepalive, asks_an_idle_peer_and_gives_up_when_it_does_not_answer) {
  Config config = plain();
  config.keepalive = Keepalive{.idle = minutes(1), .interval = seconds(10), .probes_max = 3};
  ByHand hand = in(established, config);
  hand.now = *hand.tcp.poll_timeout();
  EXPECT_EQ(hand.now - start, minutes(1));
  hand.tcp.handle_timeout(hand.now);
  hand.answers.clear();
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, hand.acknowledgment - 1);
  hand.arrive_in_order(ack);
  EXPECT_EQ(*hand.tcp.poll_timeout() - hand.now, minutes(1));
  while (const auto due = hand.tcp.poll_timeout()) {
    hand.now = *due;
    hand.tcp.handle_timeout(hand.now);
    hand.drain();
  }
  EXPECT_EQ(hand.now - start, minutes(2) + seconds(30));
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::timed_out}));
}

TEST(TcpRecovery, sends_again_after_three_duplicate_acknowledgments_without_sack) {
  ByHand hand = in(established);
  hand.tcp.write(Buffer(10 * 1'240), hand.now);
  hand.drain();
  const std::uint32_t first = our_initial + 1;
  const Segment duplicate{.sequence = hand.sequence, .acknowledgment = first, .flags = ack};
  for (int i = 0; i < 2; i++) {
    hand.arrive(duplicate);
    EXPECT_TRUE(hand.answers.empty());
  }
  hand.arrive(duplicate);
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, first);
  EXPECT_EQ(hand.tcp.sender().phase(), RecoveryPhase::recovery);
}

TEST(TcpRecovery, sends_again_when_three_segments_beyond_are_sacked) {
  ByHand hand = in(established, plain(), {.mss = 1'240, .sack_permitted = true});
  hand.tcp.write(Buffer(10 * 1'240), hand.now);
  hand.drain();
  hand.now += milliseconds(20);
  const std::uint32_t first = our_initial + 1;
  Segment duplicate{.sequence = hand.sequence, .acknowledgment = first, .flags = ack};
  duplicate.options.sack.add({.left = first + 1'240, .right = first + 4 * 1'240});
  hand.arrive(duplicate);
  ASSERT_GE(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, first);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 1'240u);
}

TEST(TcpRecovery, probes_the_tail_before_the_timeout) {
  ByHand hand = in(syn_received, plain(), {.mss = 1'240, .sack_permitted = true});
  hand.now += milliseconds(20);
  hand.arrive_in_order(ack);  // a round trip of 20 ms
  hand.tcp.write(Buffer(3 * 1'240), hand.now);
  hand.drain();
  const Instant sent = hand.now;
  hand.now = *hand.tcp.poll_timeout();
  EXPECT_EQ(hand.now - sent, milliseconds(40));
  hand.tcp.handle_timeout(hand.now);
  hand.answers.clear();
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, our_initial + 1 + 2 * 1'240);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 1'240u);
}

TEST(TcpReceive, delays_the_acknowledgment_of_one_segment) {
  ByHand hand = in(established);
  hand.arrive_in_order(ack, 1'000);
  EXPECT_TRUE(hand.answers.empty());
  ASSERT_TRUE(hand.tcp.poll_timeout());
  EXPECT_EQ(*hand.tcp.poll_timeout() - hand.now, Receiver::acknowledgment_delay);
  hand.now = *hand.tcp.poll_timeout();
  hand.tcp.handle_timeout(hand.now);
  hand.drain();
  EXPECT_EQ(hand.answers.size(), 1u);
  EXPECT_FALSE(hand.tcp.poll_timeout());
}

TEST(TcpReceive, acknowledges_with_the_answer_when_there_is_one) {
  ByHand hand = in(established);
  hand.arrive_in_order(ack, 1'000);
  hand.tcp.write(bytes_of("answer"), hand.now);
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].acknowledgment, hand.sequence);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 6u);
}

TEST(TcpReceive, announces_a_window_that_opened_by_two_segments) {
  ByHand hand = in(established);
  while (hand.tcp.readable_bytes() < 60'000) hand.arrive_in_order(ack, 2'480);
  hand.answers.clear();
  hand.tcp.consume(2'000, hand.now);
  hand.drain();
  EXPECT_TRUE(hand.answers.empty());
  hand.tcp.consume(2'000, hand.now);
  hand.drain();
  EXPECT_EQ(hand.answers.size(), 1u);
}

TEST(TcpSend, takes_a_closed_window_seriously_and_probes_it_with_one_octet) {
  ByHand hand = in(established);
  Segment closing{.sequence = hand.sequence, .acknowledgment = hand.acknowledgment, .flags = ack};
  closing.window = 0;
  hand.tcp.handle_segment(closing, hand.now);
  hand.tcp.write(bytes_of("waits"), hand.now);
  hand.answers.clear();
  hand.drain();
  EXPECT_TRUE(hand.answers.empty());
  const std::uint32_t next = our_initial + 1;
  for (int i = 0; i < 5; i++) {
    hand.now = *hand.tcp.poll_timeout();
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    ASSERT_EQ(hand.answers.size(), 1u);
    EXPECT_EQ(hand.answers[0].sequence, next);
    EXPECT_EQ(hand.answers[0].payload_bytes(), 1u);
    EXPECT_EQ(hand.tcp.sender().outstanding(), 0u);
    hand.tcp.handle_segment(closing, hand.now);
  }
  // The octet is taken after all, and the window opens.
  hand.arrive({.sequence = hand.sequence, .acknowledgment = next + 1, .flags = ack});
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, next + 1);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 4u);
}

TEST(TcpSend, keeps_packets_within_what_the_peer_takes) {
  Config config = plain();
  config.timestamps = true;
  ByHand hand = in(established, config, {.mss = 1'000, .timestamps = Timestamps{.value = 1}});
  hand.answers.clear();
  hand.tcp.write(Buffer(5'000), hand.now);
  hand.drain();
  EXPECT_EQ(hand.answers.at(0).mss, 988u);
  EXPECT_EQ(hand.answers.at(0).payload_bytes(), 5'000u);
}

TEST(TcpSend, says_when_there_is_room_again) {
  Config config = plain();
  config.send_limit = 4'000;
  ByHand hand = in(established, config);
  EXPECT_EQ(hand.tcp.write(Buffer(9'000), hand.now), 4'000u);
  hand.drain();
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  hand.arrive({.sequence = hand.sequence, .acknowledgment = our_initial + 1 + 536, .flags = ack});
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  hand.arrive({.sequence = hand.sequence, .acknowledgment = our_initial + 1 + 2'144, .flags = ack});
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::writable}));
  EXPECT_EQ(hand.tcp.writable_bytes(), 2'144u);
}

}  // namespace
}  // namespace quoin::netstack::tcp
