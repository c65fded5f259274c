#include "pair/ftp_ports.h"

#include <gtest/gtest.h>

namespace quoin::pair {
namespace {

constexpr Instant now0{hours(3)};

crypto::NodePublicKey key(int seed) {
  std::array<std::byte, 32> bytes{};
  bytes.fill(static_cast<std::byte>(seed));
  return crypto::NodePublicKey(bytes);
}

TEST(FtpPorts, an_announced_port_is_taken_once) {
  FtpPorts ports;
  EXPECT_FALSE(ports.take(key(1), 50'000, now0));
  ports.announce(key(1), 50'000, now0);
  EXPECT_TRUE(ports.has(key(1), 50'000, now0));
  EXPECT_TRUE(ports.take(key(1), 50'000, now0));
  EXPECT_FALSE(ports.take(key(1), 50'000, now0));
}

TEST(FtpPorts, an_announcement_is_for_its_engineer_and_its_port) {
  FtpPorts ports;
  ports.announce(key(1), 50'000, now0);
  EXPECT_FALSE(ports.take(key(2), 50'000, now0));
  EXPECT_FALSE(ports.take(key(1), 50'001, now0));
  EXPECT_TRUE(ports.take(key(1), 50'000, now0));
}

TEST(FtpPorts, an_announcement_lasts_ten_seconds) {
  FtpPorts ports;
  ports.announce(key(1), 50'000, now0);
  EXPECT_TRUE(ports.has(key(1), 50'000, now0 + FtpPorts::lasts - nanoseconds(1)));
  EXPECT_FALSE(ports.has(key(1), 50'000, now0 + FtpPorts::lasts));
  EXPECT_FALSE(ports.take(key(1), 50'000, now0 + FtpPorts::lasts));
}

TEST(FtpPorts, announced_twice_is_one_connection_and_ten_new_seconds) {
  FtpPorts ports;
  ports.announce(key(1), 50'000, now0);
  ports.announce(key(1), 50'000, now0 + seconds(6));
  EXPECT_EQ(ports.size(), 1U);
  EXPECT_TRUE(ports.take(key(1), 50'000, now0 + seconds(15)));
  EXPECT_FALSE(ports.take(key(1), 50'000, now0 + seconds(15)));
}

TEST(FtpPorts, whoever_announces_very_much_loses_his_oldest_and_nobody_elses) {
  FtpPorts ports;
  ports.announce(key(2), 50'000, now0);
  for (int i = 0; i < 1'000'000; i++) ports.announce(key(1), static_cast<std::uint16_t>(1024 + i % 60'000), now0);
  EXPECT_EQ(ports.size(), FtpPorts::open_of_one_max + 1);
  EXPECT_TRUE(ports.take(key(2), 50'000, now0));
}

}  // namespace
}  // namespace quoin::pair
