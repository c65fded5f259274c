// Two connections over a path that does everything a path may do: bytes out are bytes in.
#include <gtest/gtest.h>

#include "netstack/tcp/two_hosts_test.h"

namespace quoin::netstack::tcp {
namespace {

void expect_complete(TwoHosts& hosts, Duration limit = minutes(10)) {
  EXPECT_TRUE(hosts.run_to_close(limit)) << name(hosts.active.tcp->state()) << " " << name(hosts.passive.tcp->state())
                                         << " active sent " << hosts.active.tcp->bytes_sent() << " passive sent "
                                         << hosts.passive.tcp->bytes_sent();
  EXPECT_EQ(hosts.active.closed(), CloseReason::finished);
  EXPECT_EQ(hosts.passive.closed(), CloseReason::finished);
  EXPECT_EQ(hosts.passive.received, hosts.active.to_send);
  EXPECT_EQ(hosts.active.received, hosts.passive.to_send);
}

TEST(TcpTransfer, carries_both_directions_over_a_clean_path) {
  TwoHosts hosts;
  hosts.active.to_send = 3'000'000;
  hosts.passive.to_send = 2'000'000;
  hosts.open();
  expect_complete(hosts);
  EXPECT_EQ(hosts.active.tcp->sender().bytes_retransmitted(), 0u);
  EXPECT_EQ(hosts.passive.tcp->sender().bytes_retransmitted(), 0u);
}

TEST(TcpTransfer, carries_nothing_at_all) {
  TwoHosts hosts;
  hosts.open();
  expect_complete(hosts);
}

struct Rough {
  const char* name;
  PathRules rules;
};

class TcpRoughPath : public testing::TestWithParam<Rough> {};

TEST_P(TcpRoughPath, delivers_every_byte_in_order) {
  for (std::uint64_t seed = 1; seed <= 4; seed++) {
    for (const bool sack : {true, false}) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " sack " << sack);
      TwoHosts hosts(GetParam().rules, seed);
      hosts.active.config.sack = sack;
      hosts.passive.config.timestamps = seed % 2 == 0;
      hosts.passive.config.window_scale = seed % 3 != 0;
      hosts.active.config.congestion = seed > 2 ? CongestionKind::new_reno : CongestionKind::cubic;
      hosts.active.to_send = 400'000;
      hosts.passive.to_send = 150'000;
      hosts.open();
      expect_complete(hosts, hours(2));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , TcpRoughPath,
    testing::Values(Rough{"loss_1", {.loss = 0.01}}, Rough{"loss_10", {.loss = 0.10}}, Rough{"loss_15", {.loss = 0.15}},
                    Rough{"duplication", {.duplication = 0.2}}, Rough{"reordering", {.reordering = 0.2}},
                    Rough{"all", {.loss = 0.03, .duplication = 0.05, .reordering = 0.1}},
                    Rough{"long", {.delay = milliseconds(300), .loss = 0.01, .late_by = milliseconds(200)}},
                    Rough{"narrow", {.loss = 0.005, .bytes_per_second = 60'000, .queue_bytes_max = 20'000}}),
    [](const auto& info) { return info.param.name; });

TEST(TcpTransfer, half_closes_towards_the_passive_side_and_still_receives) {
  TwoHosts hosts;
  hosts.active.to_send = 1'000;
  hosts.passive.finishes = false;
  hosts.open();
  ASSERT_TRUE(hosts.run([&] { return hosts.passive.has(EventKind::peer_finished); }, seconds(5)));
  EXPECT_EQ(hosts.passive.tcp->state(), State::close_wait);
  hosts.run_for(minutes(30));
  EXPECT_EQ(hosts.active.tcp->state(), State::fin_wait_2);
  hosts.passive.to_send = 500'000;
  hosts.passive.finishes = true;
  hosts.settle();
  expect_complete(hosts);
}

TEST(TcpTransfer, half_closes_towards_the_active_side_and_still_receives) {
  TwoHosts hosts;
  hosts.active.finishes = false;
  hosts.passive.to_send = 1'000;
  hosts.open();
  ASSERT_TRUE(hosts.run([&] { return hosts.active.has(EventKind::peer_finished); }, seconds(5)));
  hosts.run_for(minutes(30));
  hosts.active.to_send = 500'000;
  hosts.active.finishes = true;
  hosts.settle();
  expect_complete(hosts);
}

TEST(TcpTransfer, waits_ten_minutes_for_a_reader_that_stops) {
  TwoHosts hosts;
  hosts.active.to_send = 1'000'000;
  hosts.passive.read_max = 0;
  hosts.open();
  hosts.run_for(minutes(10));
  EXPECT_FALSE(hosts.active.closed());
  EXPECT_EQ(hosts.active.tcp->sender().window(), 0u);
  EXPECT_EQ(hosts.passive.received, 0u);
  const std::uint64_t probes = hosts.to_passive.sent;
  hosts.run_for(minutes(10));
  EXPECT_GE(hosts.to_passive.sent - probes, 9u);  // one a minute
  EXPECT_LE(hosts.to_passive.sent - probes, 11u);
  hosts.passive.read_max = ~std::size_t{0};
  hosts.settle();
  expect_complete(hosts);
}

TEST(TcpTransfer, survives_the_loss_of_the_window_update) {
  TwoHosts hosts;
  hosts.active.to_send = 1'000'000;
  hosts.passive.read_max = 0;
  hosts.open();
  hosts.run_for(seconds(30));
  hosts.to_active.drop = [](const Buffer&) { return true; };
  hosts.passive.read_max = ~std::size_t{0};
  hosts.settle();
  hosts.to_active.drop = nullptr;
  expect_complete(hosts);
}

TEST(TcpTransfer, gives_up_when_zero_window_probes_are_not_answered) {
  TwoHosts hosts;
  hosts.active.to_send = 1'000'000;
  hosts.passive.read_max = 0;
  hosts.open();
  hosts.run_for(minutes(5));
  hosts.to_active.drop = [](const Buffer&) { return true; };
  hosts.run_for(minutes(5));
  EXPECT_EQ(hosts.active.closed(), CloseReason::timed_out);
}

TEST(TcpTransfer, trickles_through_a_reader_of_single_bytes_without_silly_segments) {
  TwoHosts hosts;
  hosts.active.to_send = 80'000;
  hosts.passive.config.receive_limit = 2'480;
  hosts.passive.read_max = 1;
  hosts.open();
  expect_complete(hosts, hours(1));
  EXPECT_LT(hosts.to_passive.sent, 400u);
}

TEST(TcpTransfer, keeps_within_its_memory_when_the_reader_stops) {
  TwoHosts hosts;
  hosts.active.to_send = 10'000'000;
  hosts.active.config.send_limit = 100'000;
  hosts.passive.config.receive_limit = 100'000;
  hosts.passive.read_max = 0;
  hosts.open();
  hosts.run_for(minutes(1));
  EXPECT_LE(hosts.passive.tcp->memory_used(), 131'072u + 8'192u);
  EXPECT_LE(hosts.active.tcp->memory_used(), 131'072u + 16'384u);
}

TEST(TcpTransfer, costs_less_than_four_kilobytes_before_it_carries_anything) {
  TwoHosts hosts;
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  hosts.run_for(seconds(1));
  EXPECT_EQ(hosts.passive.tcp->state(), State::established);
  EXPECT_LT(hosts.passive.tcp->memory_used(), 4'096u);
  EXPECT_FALSE(hosts.passive.tcp->poll_timeout());
}

TEST(TcpTransfer, closes_from_both_sides_at_once) {
  TwoHosts hosts;
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  hosts.run_for(seconds(1));
  hosts.active.finishes = hosts.passive.finishes = true;
  hosts.settle();
  hosts.run_for(milliseconds(9));
  EXPECT_EQ(hosts.active.tcp->state(), State::fin_wait_1);
  EXPECT_EQ(hosts.passive.tcp->state(), State::fin_wait_1);
  hosts.run_for(milliseconds(2));
  EXPECT_EQ(hosts.active.tcp->state(), State::closing);
  EXPECT_EQ(hosts.passive.tcp->state(), State::closing);
  expect_complete(hosts);
  EXPECT_EQ(hosts.active.tcp->state(), State::time_wait);
  EXPECT_EQ(hosts.passive.tcp->state(), State::time_wait);
  hosts.run_for(minutes(2));
  EXPECT_EQ(hosts.active.tcp->state(), State::closed);
  EXPECT_FALSE(hosts.active.tcp->poll_timeout());
}

TEST(TcpTransfer, grows_the_receive_window_for_a_fast_reader_on_a_long_path) {
  TwoHosts hosts({.delay = milliseconds(50), .bytes_per_second = 12'500'000, .queue_bytes_max = 2'000'000});
  hosts.active.to_send = 10'000'000;
  hosts.open();
  const Instant start = hosts.now;
  expect_complete(hosts);
  EXPECT_GT(hosts.passive.tcp->receiver().window().size(), 600'000u);
  // 0.8 s at the rate of the path; 15 s if the window had stayed at 64 KiB.
  EXPECT_LT(hosts.now - start, seconds(4));
}

TEST(TcpTransfer, fills_a_long_path_that_loses_one_packet_in_ten_thousand) {
  TwoHosts hosts(
      {.delay = milliseconds(25), .loss = 0.0001, .bytes_per_second = 12'500'000, .queue_bytes_max = 600'000});
  hosts.active.to_send = 15'000'000;
  hosts.open();
  const Instant start = hosts.now;
  expect_complete(hosts);
  EXPECT_LT(hosts.now - start, seconds(5));  // 1.2 s at the rate of the path
}

TEST(TcpTransfer, repairs_losses_without_a_timeout_and_sends_little_twice) {
  TwoHosts hosts({.loss = 0.01, .bytes_per_second = 5'000'000});
  hosts.active.to_send = 10'000'000;
  std::uint64_t lost = 0;
  SeededRandom random(5);
  hosts.to_passive.rules.loss = 0;
  hosts.to_passive.drop = [&](const Buffer& packet) {
    if (packet.size() < 1'000 || random.below(100) != 0) return false;
    lost++;
    return true;
  };
  hosts.open();
  expect_complete(hosts);
  EXPECT_GT(lost, 50u);
  EXPECT_GE(hosts.active.tcp->sender().segments_retransmitted(), lost);
  EXPECT_LE(hosts.active.tcp->sender().segments_retransmitted(), lost + lost / 10 + 5);
}

TEST(TcpTransfer, acknowledges_a_burst_once) {
  TwoHosts hosts;
  hosts.active.to_send = 5'000'000;
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  ASSERT_TRUE(hosts.run([&] { return hosts.passive.received == 5'000'000; }));
  EXPECT_LT(hosts.passive.acks_sent, 5'000'000u / 1'228 / 4);
}

TEST(TcpTransfer, acknowledges_every_second_segment_of_a_thin_stream) {
  TwoHosts hosts({.bytes_per_second = 1'000'000});
  hosts.active.to_send = 500'000;
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  ASSERT_TRUE(hosts.run([&] { return hosts.passive.received == 500'000; }));
  EXPECT_GE(hosts.passive.acks_sent, 500'000u / 1'228 / 2);
  EXPECT_LE(hosts.passive.acks_sent, 500'000u / 1'228 / 2 + 50);
}

TEST(TcpTransfer, measures_the_rate_of_an_ideal_path) {
  TwoHosts hosts({.delay = milliseconds(20), .bytes_per_second = 2'000'000, .queue_bytes_max = 4'000'000});
  hosts.active.to_send = 4'000'000;
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  ASSERT_TRUE(hosts.run([&] { return hosts.passive.received > 2'000'000; }));
  const auto& rate = hosts.active.tcp->sender().latest_rate();
  ASSERT_TRUE(rate);
  EXPECT_FALSE(rate->application_limited);
  const double payload_rate = 2'000'000.0 * 1'228 / (1'228 + 32);  // the path counts headers
  EXPECT_NEAR(rate->bytes_per_second(), payload_rate, payload_rate * 0.02);
}

TEST(TcpTransfer, marks_rates_as_limited_by_an_application_that_pauses) {
  TwoHosts hosts({.bytes_per_second = 2'000'000});
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  for (int i = 0; i < 5; i++) {
    hosts.active.to_send += 2'000;
    hosts.settle();
    hosts.run_for(milliseconds(100));
  }
  ASSERT_TRUE(hosts.active.tcp->sender().latest_rate());
  EXPECT_TRUE(hosts.active.tcp->sender().latest_rate()->application_limited);
}

TEST(TcpTransfer, doubles_its_window_each_round_trip_at_first) {
  TwoHosts hosts({.delay = milliseconds(50)});
  hosts.active.to_send = 5'000'000;
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  ASSERT_TRUE(hosts.run([&] { return hosts.active.tcp->state() == State::established; }));
  const std::uint64_t first = hosts.active.tcp->sender().congestion().cwnd();
  EXPECT_EQ(first, 10u * 1'240);
  hosts.run_for(milliseconds(130));
  EXPECT_NEAR(static_cast<double>(hosts.active.tcp->sender().congestion().cwnd()), 2.0 * static_cast<double>(first),
              2'500);
  hosts.run_for(milliseconds(130));
  EXPECT_GT(hosts.active.tcp->sender().congestion().cwnd(), 3 * first);
}

TEST(TcpTransfer, takes_back_a_timeout_that_was_only_a_delay) {
  TwoHosts hosts({.delay = milliseconds(20)});
  hosts.active.to_send = 600'000'000;
  hosts.active.finishes = hosts.passive.finishes = false;
  hosts.open();
  hosts.run_for(milliseconds(400));
  const std::uint64_t before = hosts.active.tcp->sender().congestion().cwnd();
  hosts.to_passive.stands_still_until = hosts.now + seconds(1);
  hosts.run_for(milliseconds(900));
  EXPECT_EQ(hosts.active.tcp->sender().phase(), RecoveryPhase::timeout);
  hosts.run_for(milliseconds(300));
  EXPECT_GT(hosts.active.tcp->sender().segments_retransmitted(), 0u);
  EXPECT_LT(hosts.active.tcp->sender().segments_retransmitted(), 10u);
  EXPECT_EQ(hosts.active.tcp->sender().phase(), RecoveryPhase::open);
  EXPECT_GE(hosts.active.tcp->sender().congestion().cwnd(), before);
}

TEST(TcpTransfer, counts_what_it_carried) {
  TwoHosts hosts({.loss = 0.05});
  hosts.active.to_send = 200'000;
  hosts.passive.to_send = 100'000;
  hosts.open();
  expect_complete(hosts);
  EXPECT_EQ(hosts.active.tcp->bytes_sent(), 200'000u);
  EXPECT_EQ(hosts.active.tcp->bytes_received(), 100'000u);
  EXPECT_EQ(hosts.passive.tcp->bytes_sent(), 100'000u);
  EXPECT_EQ(hosts.passive.tcp->bytes_received(), 200'000u);
}

}  // namespace
}  // namespace quoin::netstack::tcp
