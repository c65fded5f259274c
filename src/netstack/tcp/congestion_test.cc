#include "netstack/tcp/congestion.h"

#include <cmath>

#include <gtest/gtest.h>

#include "netstack/tcp/cubic.h"
#include "netstack/tcp/pacer.h"
#include "netstack/tcp/rate_sample.h"
#include "netstack/tcp/rtt.h"

namespace quoin::netstack::tcp {
namespace {

constexpr std::uint64_t mss = 1'000;
constexpr Instant start{seconds(10)};

AckSample delivered(std::uint64_t bytes, Duration rtt = milliseconds(100)) {
  return {.delivered = bytes, .rtt = rtt, .smoothed_rtt = rtt, .minimum_rtt = rtt, .window_limited = true};
}

class TcpCongestion : public testing::TestWithParam<CongestionKind> {
 protected:
  std::unique_ptr<Congestion> congestion_ = make_congestion(GetParam(), mss);
};

TEST_P(TcpCongestion, starts_with_ten_segments_and_grows_by_the_bytes_delivered) {
  EXPECT_EQ(congestion_->cwnd(), 10 * mss);
  congestion_->on_ack(delivered(10 * mss), start);  // one acknowledgment for all ten
  EXPECT_EQ(congestion_->cwnd(), 20 * mss);
}

TEST_P(TcpCongestion, does_not_grow_while_the_window_is_not_used) {
  AckSample sample = delivered(10 * mss);
  sample.window_limited = false;
  congestion_->on_ack(sample, start);
  EXPECT_EQ(congestion_->cwnd(), 10 * mss);
}

TEST_P(TcpCongestion, falls_to_one_segment_on_a_timeout_and_back_when_that_was_a_mistake) {
  congestion_->on_ack(delivered(90 * mss), start);
  congestion_->on_rto(100 * mss, start);
  EXPECT_EQ(congestion_->cwnd(), mss);
  EXPECT_LT(congestion_->slow_start_threshold(), 100 * mss);
  congestion_->on_spurious_loss();
  EXPECT_EQ(congestion_->cwnd(), 100 * mss);
  EXPECT_EQ(congestion_->slow_start_threshold(), slow_start_threshold_first);
}

TEST_P(TcpCongestion, never_falls_below_two_segments_on_a_loss) {
  for (int i = 0; i < 10; i++) congestion_->on_loss(mss, start);
  EXPECT_EQ(congestion_->cwnd(), 2 * mss);
}

TEST_P(TcpCongestion, starts_anew_after_an_idle_time) {
  congestion_->on_ack(delivered(90 * mss), start);
  congestion_->on_idle(start + seconds(5));
  EXPECT_EQ(congestion_->cwnd(), 10 * mss);
}

TEST_P(TcpCongestion, is_paced_a_little_faster_than_a_window_per_round_trip) {
  EXPECT_FALSE(congestion_->pacing_rate());
  congestion_->on_ack(delivered(10 * mss), start);
  EXPECT_NEAR(static_cast<double>(*congestion_->pacing_rate()), 2.0 * 20 * mss / 0.1, 20'000);
  congestion_->on_loss(20 * mss, start);
  congestion_->on_ack(delivered(mss), start);
  EXPECT_NEAR(static_cast<double>(*congestion_->pacing_rate()), 1.25 * static_cast<double>(congestion_->cwnd()) / 0.1,
              1'000);
}

INSTANTIATE_TEST_SUITE_P(, TcpCongestion, testing::Values(CongestionKind::cubic, CongestionKind::new_reno),
                         [](const auto& info) { return info.param == CongestionKind::cubic ? "Cubic" : "NewReno"; });

TEST(TcpNewReno, halves_on_a_loss_and_then_adds_a_segment_each_round_trip) {
  const auto reno = make_congestion(CongestionKind::new_reno, mss);
  reno->on_ack(delivered(90 * mss), start);
  reno->on_loss(100 * mss, start);
  EXPECT_EQ(reno->cwnd(), 50 * mss);
  for (int round = 1; round <= 10; round++) {
    for (int i = 0; i < 2; i++) reno->on_ack(delivered(reno->cwnd() / 2 + 1), start);
    EXPECT_NEAR(static_cast<double>(reno->cwnd()), (50.0 + round) * mss, mss);
  }
}

// W_cubic(t) of RFC 9438, section 4.2, computed here on its own.
TEST(TcpCubic, follows_the_cubic_curve_through_the_old_maximum) {
  Cubic cubic(mss);
  cubic.on_ack(delivered(990 * mss), start);
  ASSERT_EQ(cubic.cwnd(), 1'000 * mss);
  cubic.on_loss(1'000 * mss, start);
  EXPECT_EQ(cubic.cwnd(), 700 * mss);
  const double k = std::cbrt(300 / 0.4);  // 9.1 s
  for (double t = 0.1; t < 15; t += 0.1) {
    cubic.on_ack(delivered(cubic.cwnd()), start + nanoseconds(static_cast<std::int64_t>(t * 1e9)));
    if (t < 2) continue;  // NewReno's share is larger at first
    const double curve = 0.4 * std::pow(t - k, 3) + 1'000;
    EXPECT_NEAR(static_cast<double>(cubic.cwnd()) / mss, curve, 25) << t;
  }
}

TEST(TcpCubic, gives_way_when_it_loses_before_it_was_back) {
  Cubic cubic(mss);
  cubic.on_ack(delivered(990 * mss), start);
  cubic.on_loss(1'000 * mss, start);
  cubic.on_loss(700 * mss, start);
  EXPECT_NEAR(static_cast<double>(cubic.cwnd()), 490.0 * mss, 2);
  // The maximum is now 0.85 * 700: after K = cbrt((595 - 490) / 0.4) = 6.4 s it is there and flat.
  cubic.on_ack(delivered(cubic.cwnd()), start);
  for (int i = 1; i <= 64; i++) cubic.on_ack(delivered(cubic.cwnd()), start + milliseconds(100 * i));
  EXPECT_NEAR(static_cast<double>(cubic.cwnd()) / mss, 595, 15);
}

TEST(TcpSlowStartExit, slows_down_when_the_round_trip_rises_and_ends_after_five_such_rounds) {
  SlowStartExit exit;
  const auto round = [&](Duration rtt) {
    bool over = exit.on_ack(rtt, true);
    for (int i = 0; i < 9; i++) over = exit.on_ack(rtt, false) || over;
    return over;
  };
  EXPECT_FALSE(round(milliseconds(40)));
  EXPECT_FALSE(round(milliseconds(41)));
  EXPECT_EQ(exit.growth(1'000), 1'000u);
  EXPECT_FALSE(round(milliseconds(50)));
  EXPECT_EQ(exit.growth(1'000), 250u);
  for (int i = 0; i < 5; i++) EXPECT_FALSE(round(milliseconds(55)));
  EXPECT_TRUE(round(milliseconds(55)));
}

TEST(TcpSlowStartExit, goes_on_when_the_rise_goes_away) {
  SlowStartExit exit;
  for (const int rtt : {40, 50, 40}) {
    exit.on_ack(milliseconds(rtt), true);
    for (int i = 0; i < 9; i++) exit.on_ack(milliseconds(rtt), false);
  }
  EXPECT_EQ(exit.growth(1'000), 1'000u);
}

TEST(TcpRoundTrip, follows_rfc_6298) {
  RoundTrip rtt;
  EXPECT_EQ(rtt.timeout(), seconds(1));
  rtt.sample(milliseconds(400), start);
  EXPECT_EQ(rtt.smoothed(), milliseconds(400));
  EXPECT_EQ(rtt.timeout(), milliseconds(400 + 4 * 200));
  rtt.sample(milliseconds(800), start);
  EXPECT_EQ(rtt.smoothed(), milliseconds(450));
  EXPECT_EQ(rtt.timeout(), milliseconds(450 + 4 * 250));
  EXPECT_EQ(rtt.minimum(), milliseconds(400));
}

TEST(TcpRoundTrip, keeps_its_timeout_between_200_ms_and_a_minute) {
  RoundTrip rtt;
  for (int i = 0; i < 50; i++) rtt.sample(microseconds(100), start);
  EXPECT_GE(rtt.timeout(), milliseconds(200));
  EXPECT_LE(rtt.timeout(), milliseconds(201));
  for (int i = 0; i < 50; i++) rtt.back_off();
  EXPECT_EQ(rtt.timeout(), seconds(60));
  rtt.progress_without_sample();
  EXPECT_LE(rtt.timeout(), milliseconds(804));
  EXPECT_GE(rtt.timeout(), milliseconds(800));
  rtt.sample(microseconds(100), start);
  EXPECT_LE(rtt.timeout(), milliseconds(201));
}

TEST(TcpRoundTrip, forgets_its_minimum_in_time) {
  RoundTrip rtt;
  rtt.sample(milliseconds(10), start);
  rtt.sample(milliseconds(50), start + minutes(4));
  EXPECT_EQ(rtt.minimum(), milliseconds(10));
  rtt.sample(milliseconds(50), start + minutes(6));
  EXPECT_EQ(rtt.minimum(), milliseconds(50));
}

TEST(TcpPacer, lets_ten_segments_go_and_then_keeps_the_rate) {
  Pacer pacer(mss);
  const std::uint64_t rate = 10'000'000;  // a burst is 10'000 bytes
  Instant now = start;
  EXPECT_EQ(pacer.allowance(rate, now), 10 * mss);
  pacer.sent(10 * mss, rate, now);
  std::uint64_t sent = 0;
  int wakes = 0;
  while (now < start + seconds(1)) {
    const std::uint64_t allowed = pacer.allowance(rate, now);
    if (allowed == 0) {
      now = pacer.next_at();
      wakes++;
      continue;
    }
    EXPECT_EQ(allowed, 10'000u);
    pacer.sent(allowed, rate, now);
    sent += allowed;
  }
  EXPECT_NEAR(static_cast<double>(sent), 10e6, 30'000);
  EXPECT_LE(wakes, 1'001);
}

TEST(TcpRateSample, is_the_delivery_rate_whatever_the_acknowledgments_look_like) {
  RateSampler sampler;
  // Ten packets of 1'000 bytes leave at once and are delivered one each millisecond after 10 ms.
  std::vector<DeliverySnapshot> sent;
  for (int i = 0; i < 10; i++) sent.push_back(sampler.sent(start, i == 0));
  for (std::size_t i = 0; i < 10; i++) {
    sampler.delivered(sent[i], start, 1'000, start + milliseconds(11 + static_cast<int>(i)));
  }
  // The next is sent when the last arrived, and takes as long: one packet in its own round trip of 11 ms.
  const DeliverySnapshot next = sampler.sent(start + milliseconds(20), false);
  sampler.take(std::nullopt);
  sampler.delivered(next, start + milliseconds(20), 1'000, start + milliseconds(31));
  const auto sample = sampler.take(milliseconds(10));
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->bytes, 1'000u);
  EXPECT_EQ(sample->interval, milliseconds(20));  // as long as sending took
}

TEST(TcpRateSample, gives_none_for_an_interval_shorter_than_the_path) {
  RateSampler sampler;
  const DeliverySnapshot snapshot = sampler.sent(start, true);
  sampler.delivered(snapshot, start, 1'000, start + milliseconds(1));
  EXPECT_FALSE(sampler.take(milliseconds(10)));
  EXPECT_FALSE(sampler.take(std::nullopt));  // and only once
}

}  // namespace
}  // namespace quoin::netstack::tcp
