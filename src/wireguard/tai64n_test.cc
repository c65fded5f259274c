#include "wireguard/tai64n.h"

#include <gtest/gtest.h>

namespace quoin::wireguard {
namespace {

constexpr Instant start{hours(5)};
constexpr WallTime wall{seconds(1'700'000'000)};

TEST(Tai64n, labels_a_known_second) {
  EXPECT_EQ(to_hex(Tai64nClock(start, wall).at(start)), "400000006553f10a00000000");
}

TEST(Tai64n, goes_on_with_elapsed_time) {
  EXPECT_EQ(to_hex(Tai64nClock(start, wall).at(start + seconds(256))), "400000006553f20a00000000");
}

TEST(Tai64n, shows_no_more_than_steps_of_2_to_24_nanoseconds) {
  const Tai64nClock clock(start, wall);
  EXPECT_EQ(clock.at(start + nanoseconds((1 << 24) - 1)), clock.at(start));
  EXPECT_EQ(to_hex(clock.at(start + nanoseconds(1 << 24))), "400000006553f10a01000000");
}

TEST(Tai64n, is_later_than_the_last_one_however_often_it_is_asked) {
  const Tai64nClock clock(start, wall);
  Tai64n last = clock.at(start);
  for (int i = 0; i < 200; i++) {  // more steps than a second has
    const Tai64n next = clock.after(last, start);
    ASSERT_GT(next, last);
    ASSERT_LT(Reader(Bytes(next).last(4)).u32(), 1'000'000'000U);
    last = next;
  }
  EXPECT_EQ(clock.after(last, start + hours(1)), clock.at(start + hours(1)));
}

TEST(Tai64n, does_not_follow_a_clock_before_1970) {
  EXPECT_EQ(to_hex(Tai64nClock(start, WallTime{-seconds(5)}).at(start)), "400000000000000a00000000");
}

}  // namespace
}  // namespace quoin::wireguard
