#include "control/backoff.h"

#include <gtest/gtest.h>

namespace quoin::control {
namespace {

TEST(Backoff, grows_with_the_square_of_the_tries_within_half_and_one_and_a_half) {
  SeededRandom random(1);
  Backoff backoff;
  for (int n = 1; n <= 40; n++) {
    const Duration base = milliseconds(10) * n * n;
    const Duration wait = backoff.next(random);
    EXPECT_GE(wait, base / 2) << n;
    EXPECT_LE(wait, base * 3 / 2) << n;
  }
}

TEST(Backoff, never_waits_longer_than_its_longest) {
  SeededRandom random(2);
  Backoff backoff;
  Duration longest{0};
  for (int n = 0; n < 10'000; n++) longest = std::max(longest, backoff.next(random));
  EXPECT_EQ(longest, Backoff::longest);
}

TEST(Backoff, starts_over_after_a_reset) {
  SeededRandom random(3);
  Backoff backoff;
  for (int n = 0; n < 20; n++) backoff.next(random);
  backoff.reset();
  EXPECT_LE(backoff.next(random), milliseconds(15));
}

}  // namespace
}  // namespace quoin::control
