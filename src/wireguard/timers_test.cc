#include "wireguard/timers.h"

#include <vector>

#include <gtest/gtest.h>

namespace quoin::wireguard {
namespace {

constexpr Instant start{hours(1)};

// No jitter, so that times are exact.
class NoChance final : public Random {
 public:
  void fill(MutableBytes out) override { std::fill(out.begin(), out.end(), std::byte{0}); }
};

class TimersTest : public ::testing::Test {
 protected:
  std::vector<TimerAction> due(Duration after) {
    std::vector<TimerAction> actions;
    while (const auto action = timers.take_due(start + after)) actions.push_back(*action);
    return actions;
  }
  using Actions = std::vector<TimerAction>;
  NoChance chance;
  Timers timers{chance};
};

TEST_F(TimersTest, nothing_is_due_at_first) {
  EXPECT_EQ(timers.next(), std::nullopt);
  EXPECT_EQ(due(hours(1)), Actions{});
}

TEST_F(TimersTest, received_data_is_answered_by_a_keepalive_after_10_seconds) {
  timers.data_received(start);
  EXPECT_EQ(timers.next(), start + seconds(10));
  EXPECT_EQ(due(seconds(10) - nanoseconds(1)), Actions{});
  EXPECT_EQ(due(seconds(10)), Actions{TimerAction::send_keepalive});
  timers.keepalive_sent(start + seconds(10));
  EXPECT_EQ(timers.next(), std::nullopt);
}

TEST_F(TimersTest, more_received_data_means_another_keepalive) {
  timers.data_received(start);
  timers.data_received(start + seconds(9));
  EXPECT_EQ(due(seconds(10)), Actions{TimerAction::send_keepalive});
  timers.keepalive_sent(start + seconds(10));
  EXPECT_EQ(timers.next(), start + seconds(20));
}

TEST_F(TimersTest, sending_anything_makes_the_keepalive_needless) {
  timers.data_received(start);
  timers.data_received(start);
  timers.any_authenticated_packet_sent();
  EXPECT_EQ(timers.next(), std::nullopt);
}

TEST_F(TimersTest, silence_after_sent_data_starts_a_handshake_after_15_seconds) {
  timers.data_sent(start);
  timers.data_sent(start + seconds(14));  // counts from the first
  EXPECT_EQ(due(seconds(15) - nanoseconds(1)), Actions{});
  EXPECT_EQ(due(seconds(15)), Actions{TimerAction::start_handshake});
}

TEST_F(TimersTest, anything_received_ends_the_doubt) {
  timers.data_sent(start);
  timers.any_authenticated_packet_received();
  EXPECT_EQ(timers.next(), std::nullopt);
}

TEST_F(TimersTest, an_unanswered_initiation_is_repeated_and_given_up_after_90_seconds) {
  timers.handshake_wanted(start);
  timers.handshake_initiated(start);
  for (int i = 1; i < 18; i++) {
    EXPECT_EQ(due(seconds(5 * i) - nanoseconds(1)), Actions{}) << i;
    EXPECT_EQ(due(seconds(5 * i)), Actions{TimerAction::send_initiation}) << i;
    timers.handshake_initiated(start + seconds(5 * i));
  }
  EXPECT_EQ(due(seconds(90)), Actions{TimerAction::give_up});
  EXPECT_EQ(timers.next(), std::nullopt);
}

TEST_F(TimersTest, new_traffic_extends_the_attempt) {
  timers.handshake_wanted(start);
  timers.handshake_initiated(start + seconds(88));
  timers.handshake_wanted(start + seconds(90));
  EXPECT_EQ(due(seconds(93)), Actions{TimerAction::send_initiation});
}

TEST_F(TimersTest, a_confirmed_session_ends_the_attempt) {
  timers.handshake_wanted(start);
  timers.handshake_initiated(start);
  timers.handshake_complete();
  EXPECT_EQ(timers.next(), std::nullopt);
}

TEST_F(TimersTest, keys_are_erased_540_seconds_after_the_newest) {
  timers.session_derived(start);
  timers.session_derived(start + seconds(100));
  EXPECT_EQ(due(seconds(540)), Actions{});
  EXPECT_EQ(due(seconds(640)), Actions{TimerAction::erase_keys});
  EXPECT_EQ(timers.next(), std::nullopt);
}

TEST_F(TimersTest, after_a_long_sleep_keys_are_erased_before_anything_is_started) {
  timers.session_derived(start);
  timers.data_sent(start);
  timers.data_received(start);
  EXPECT_EQ(due(hours(2)),
            (Actions{TimerAction::erase_keys, TimerAction::send_keepalive, TimerAction::start_handshake}));
}

TEST(Timers, repeat_with_a_jitter_of_at_most_333_milliseconds) {
  SeededRandom random(3);
  Timers timers(random);
  Duration least = hours(1);
  Duration most{0};
  for (int i = 0; i < 2000; i++) {
    timers.handshake_initiated(start);
    least = std::min(least, *timers.next() - start);
    most = std::max(most, *timers.next() - start);
  }
  EXPECT_EQ(least, seconds(5));
  EXPECT_EQ(most, seconds(5) + milliseconds(333));
}

TEST(Timers, have_the_times_of_the_specification) {
  EXPECT_EQ(rekey_after_time, seconds(120));
  EXPECT_EQ(reject_after_time, seconds(180));
  EXPECT_EQ(rekey_attempt_time, seconds(90));
  EXPECT_EQ(rekey_on_receive_time, seconds(165));
  EXPECT_EQ(erase_keys_time, seconds(540));
  EXPECT_EQ(no_reply_time, seconds(15));
}

}  // namespace
}  // namespace quoin::wireguard
