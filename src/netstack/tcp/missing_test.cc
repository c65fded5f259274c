// What a connection knows of text that was sent and does not come.
#include "netstack/tcp/missing.h"

#include <gtest/gtest.h>

#include "netstack/tcp/by_hand_test.h"

namespace quoin::netstack::tcp {
namespace {

constexpr State established = State::established;

// What is told of missing text until `end`, and when.
std::vector<std::pair<Duration, Missing::Report>> reports(ByHand& hand, Instant end) {
  std::vector<std::pair<Duration, Missing::Report>> out;
  while (const auto due = hand.tcp.poll_timeout()) {
    if (*due > end) break;
    hand.now = *due;
    hand.tcp.handle_timeout(hand.now);
    hand.drain();
    while (const auto event = hand.tcp.poll_event()) {
      if (event->kind == EventKind::missing) out.emplace_back(hand.now - start, event->missing);
    }
  }
  hand.now = end;
  return out;
}

TEST(TcpMissing, text_beyond_a_hole_that_stays_is_told_of_and_after_two_seconds_for_certain) {
  ByHand hand = in(established);
  hand.arrive({.sequence = hand.sequence + 1'240, .acknowledgment = hand.acknowledgment, .flags = ack}, 10);
  const auto told = reports(hand, start + seconds(5));
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[0], std::pair(Duration(milliseconds(500)), Missing::Report{start, false}));
  EXPECT_EQ(told[1], std::pair(Duration(seconds(1)), Missing::Report{start, false}));
  EXPECT_EQ(told[2], std::pair(Duration(seconds(2)), Missing::Report{start, true}));
  EXPECT_EQ(told[3], std::pair(Duration(seconds(4)), Missing::Report{start, true}));
}

TEST(TcpMissing, a_bare_acknowledgment_tells_how_much_was_sent_and_time_is_given_for_it_to_be_sent_again) {
  ByHand hand = in(established);
  hand.now = start + seconds(3);
  hand.arrive({.sequence = hand.sequence + 12'400, .acknowledgment = hand.acknowledgment, .flags = ack});
  const auto told = reports(hand, start + seconds(7));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], std::pair(Duration(seconds(6)), Missing::Report{start, true}));
}

TEST(TcpMissing, what_comes_in_time_is_not_told_of) {
  ByHand hand = in(established);
  hand.arrive({.sequence = hand.sequence + 1'240, .acknowledgment = hand.acknowledgment, .flags = ack}, 10);
  EXPECT_TRUE(reports(hand, start + milliseconds(400)).empty());
  hand.arrive_in_order(ack, 1'240);
  EXPECT_TRUE(reports(hand, start + seconds(60)).empty());
}

TEST(TcpMissing, progress_begins_the_time_anew) {
  ByHand hand = in(established);
  const std::uint32_t end = hand.sequence + 40 * 100;
  for (int i = 0; i < 40; i++) {
    hand.arrive({.sequence = end, .acknowledgment = hand.acknowledgment, .flags = ack}, 10);
    EXPECT_TRUE(reports(hand, hand.now + milliseconds(400)).empty());
    hand.arrive_in_order(ack, 100);
  }
}

TEST(TcpMissing, a_peer_is_asked_early_once_while_no_full_packet_has_come) {
  Config config = plain();
  config.keepalive =
      Keepalive{.idle = minutes(1), .interval = seconds(10), .early = milliseconds(500), .probes_max = 3};
  ByHand hand = in(established, config);
  const auto asks_after = [&] {
    const Duration after = *hand.tcp.poll_timeout() - hand.now;
    hand.now += after;
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    EXPECT_EQ(hand.answers.size(), 1u);
    return after;
  };
  EXPECT_EQ(asks_after(), milliseconds(500));
  hand.arrive_in_order(ack);  // its answer is no news
  EXPECT_EQ(asks_after(), minutes(1));
  hand.arrive_in_order(ack);
  hand.arrive_in_order(ack, 100);
  hand.tcp.consume(100, hand.now);
  hand.now += milliseconds(40);
  hand.tcp.handle_timeout(hand.now);  // the acknowledgment leaves
  hand.drain();
  EXPECT_EQ(asks_after(), milliseconds(460));
  hand.arrive_in_order(ack, 1'240);
  hand.arrive_in_order(ack, 1'240);
  EXPECT_EQ(asks_after(), minutes(1));
}

}  // namespace
}  // namespace quoin::netstack::tcp
