#include "tunnel/refusals.h"

#include <gtest/gtest.h>

namespace quoin::tunnel {
namespace {

constexpr auto tcp = pair::Protocol::tcp;
constexpr auto service = pair::RefusedFor::service;

crypto::NodePublicKey engineer(int n) {
  std::array<std::byte, crypto::key_bytes> bytes{};
  bytes[0] = static_cast<std::byte>(n);
  return crypto::NodePublicKey(bytes);
}

struct Told {
  std::uint64_t messages = 0;
  std::uint64_t count = 0;
};
void drain(Refusals& refusals, Told& told, Instant now) {
  while (const auto report = refusals.take(now)) {
    told.messages++;
    for (const auto& each : report->ports) told.count += each.count;
  }
}

TEST(Refusals, are_told_within_a_second_and_once) {
  Instant now{};
  Refusals refusals(now);
  EXPECT_FALSE(refusals.poll_timeout());
  for (int i = 0; i < 10; i++) refusals.note(engineer(1), tcp, 9100, service, now);
  EXPECT_FALSE(refusals.take(now));
  now = *refusals.poll_timeout();
  EXPECT_EQ(now, Instant{} + Refusals::every);
  const auto told = refusals.take(now);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->engineer, engineer(1));
  EXPECT_EQ(told->ports, (std::vector<pair::PortAttempts>{{9100, 9100, 10}}));
  EXPECT_FALSE(refusals.take(now));
  EXPECT_FALSE(refusals.poll_timeout());
}

TEST(Refusals, of_a_flood_are_all_told_and_never_faster_than_a_gate_bears) {
  Instant now{};
  Refusals refusals(now);
  Told told;
  std::uint64_t noted = 0;
  for (int millisecond = 0; millisecond < 5000; millisecond++) {
    for (int i = 0; i < 40; i++) {  // every second port, so that no two are neighbours
      refusals.note(engineer(i % 3), tcp, static_cast<std::uint16_t>(noted * 2), service, now);
      noted++;
    }
    now += milliseconds(1);
    drain(refusals, told, now);
  }
  EXPECT_LE(told.messages, Refusals::burst + seconds(5) / Refusals::interval + 1);
  for (int i = 0; i < 100'000 && refusals.poll_timeout(); i++) {
    now = std::max(now, *refusals.poll_timeout());
    drain(refusals, told, now);
  }
  EXPECT_EQ(told.count, noted);
}

TEST(Refusals, of_one_engineer_do_not_keep_anothers_waiting) {
  Instant now{};
  Refusals refusals(now);
  for (std::uint32_t port = 0; port < 65'536; port += 2) {
    refusals.note(engineer(1), tcp, static_cast<std::uint16_t>(port), service, now);
  }
  refusals.note(engineer(2), tcp, 80, service, now);
  now += Refusals::every;
  refusals.take(now);
  EXPECT_EQ(refusals.take(now)->engineer, engineer(2));
}

}  // namespace
}  // namespace quoin::tunnel
