#include "wireguard/rate_limit.h"

#include <gtest/gtest.h>

namespace quoin::wireguard {
namespace {

constexpr Instant start{hours(1)};

Source udp(const char* text) {
  return Source(Endpoint::parse(text).value());
}

TEST(TokenBucket, gives_its_burst_and_then_its_rate) {
  TokenBucket bucket({.per_second = 10, .burst = 3});
  for (int i = 0; i < 3; i++) EXPECT_TRUE(bucket.take(start));
  EXPECT_FALSE(bucket.take(start));
  EXPECT_FALSE(bucket.take(start + milliseconds(99)));
  EXPECT_TRUE(bucket.take(start + milliseconds(100)));
  EXPECT_FALSE(bucket.take(start + milliseconds(100)));
  for (int i = 0; i < 3; i++) EXPECT_TRUE(bucket.take(start + hours(9)));
  EXPECT_FALSE(bucket.take(start + hours(9)));
}

TEST(SourceLimiter, allows_a_burst_of_5_and_20_a_second) {
  SourceLimiter limiter;
  int allowed = 0;
  for (int i = 0; i < 1000; i++) allowed += limiter.allow(udp("192.0.2.1:1"), start) ? 1 : 0;
  EXPECT_EQ(allowed, 5);
  for (int i = 1; i <= 1000; i++) allowed += limiter.allow(udp("192.0.2.1:1"), start + milliseconds(i)) ? 1 : 0;
  EXPECT_EQ(allowed, 25);
}

TEST(SourceLimiter, counts_an_ipv4_address_whatever_its_port) {
  SourceLimiter limiter;
  int allowed = 0;
  for (std::uint16_t port = 1; port < 100; port++) {
    allowed += limiter.allow(Source(Endpoint{IpAddress::v4(0xc0000201), port}), start) ? 1 : 0;
  }
  EXPECT_EQ(allowed, 5);
  EXPECT_TRUE(limiter.allow(udp("192.0.2.2:1"), start));
}

TEST(SourceLimiter, counts_an_ipv6_network_of_64_bits_as_one) {
  SourceLimiter limiter;
  for (int i = 0; i < 5; i++) EXPECT_TRUE(limiter.allow(udp("[2001:db8::1]:1"), start));
  EXPECT_FALSE(limiter.allow(udp("[2001:db8::ffff:1]:1"), start));
  EXPECT_TRUE(limiter.allow(udp("[2001:db8:0:1::1]:1"), start));
}

TEST(SourceLimiter, counts_a_relayed_node_by_its_key) {
  SourceLimiter limiter;
  std::array<std::byte, 32> key{};
  const auto relayed = [&](std::uint16_t region) { return Source(RelayedNode{region, crypto::NodePublicKey(key)}); };
  for (int i = 0; i < 5; i++) EXPECT_TRUE(limiter.allow(relayed(1), start));
  EXPECT_FALSE(limiter.allow(relayed(2), start));
  key[31] = std::byte{1};
  EXPECT_TRUE(limiter.allow(relayed(1), start));
}

TEST(SourceLimiter, stays_bounded_and_makes_room_again) {
  SourceLimiter limiter;
  const auto nth = [](std::uint32_t i) { return Source(Endpoint{IpAddress::v4(i), 1}); };
  for (std::uint32_t i = 0; i < SourceLimiter::sources_max; i++) ASSERT_TRUE(limiter.allow(nth(i), start));
  EXPECT_FALSE(limiter.allow(nth(1'000'000), start));
  EXPECT_EQ(limiter.size(), SourceLimiter::sources_max);
  EXPECT_TRUE(limiter.allow(nth(0), start)) << "who is in the table goes on";
  EXPECT_TRUE(limiter.allow(nth(1'000'000), start + seconds(2)));
  EXPECT_EQ(limiter.size(), 1U);
}

}  // namespace
}  // namespace quoin::wireguard
