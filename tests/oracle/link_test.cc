#include "link.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace quoin::oracle {
namespace {

constexpr Instant begin{seconds(1)};

Buffer packet(std::size_t number) {
  return to_buffer(bytes_of("packet " + std::to_string(number)));
}

// What came out within ten seconds, in order.
std::vector<Buffer> arrivals(Link& link, Direction direction) {
  std::vector<Buffer> all;
  while (auto one = link.take(direction, begin + seconds(10))) all.push_back(std::move(*one));
  return all;
}

std::vector<Buffer> sent_over(std::uint64_t seed, const Conditions& conditions, std::size_t count = 2'000) {
  Link link(seed);
  link.conditions(Direction::to_stack) = conditions;
  for (std::size_t i = 0; i < count; i++) link.put(Direction::to_stack, packet(i), begin);
  return arrivals(link, Direction::to_stack);
}

TEST(Link, delivers_everything_in_order_and_at_once_without_conditions) {
  const auto all = sent_over(1, {}, 100);
  ASSERT_EQ(all.size(), 100u);
  for (std::size_t i = 0; i < all.size(); i++) EXPECT_EQ(all[i], packet(i));
}

TEST(Link, gives_each_packet_the_same_fate_for_the_same_seed) {
  const Conditions rough{.loss = 5'000, .reordered = 5'000, .duplicated = 5'000, .delay = milliseconds(3)};
  EXPECT_EQ(sent_over(7, rough), sent_over(7, rough));
  EXPECT_NE(sent_over(7, rough), sent_over(8, rough));
}

TEST(Link, loses_and_repeats_as_many_as_it_should) {
  const std::size_t left = sent_over(1, {.loss = 10'000}).size();
  EXPECT_GT(left, 1'700u);
  EXPECT_LT(left, 1'900u);
  const std::size_t more = sent_over(1, {.duplicated = 10'000}).size();
  EXPECT_GT(more, 2'100u);
  EXPECT_LT(more, 2'300u);
}

TEST(Link, does_not_change_the_losses_when_packets_are_also_reordered) {
  auto plain = sent_over(1, {.loss = 10'000});
  auto reordered = sent_over(1, {.loss = 10'000, .reordered = 20'000});
  EXPECT_NE(plain, reordered);
  std::ranges::sort(plain);
  std::ranges::sort(reordered);
  EXPECT_EQ(plain, reordered);
}

TEST(Link, holds_a_packet_for_the_delay) {
  Link link(1);
  link.conditions(Direction::to_kernel).delay = milliseconds(5);
  link.put(Direction::to_kernel, packet(1), begin);
  EXPECT_EQ(link.poll_timeout(), begin + milliseconds(5));
  EXPECT_FALSE(link.take(Direction::to_kernel, begin + milliseconds(4)));
  EXPECT_FALSE(link.take(Direction::to_stack, begin + milliseconds(5)));
  EXPECT_EQ(link.take(Direction::to_kernel, begin + milliseconds(5)), packet(1));
  EXPECT_FALSE(link.poll_timeout());
}

TEST(Link, keeps_a_held_direction_until_it_is_released) {
  Link link(1);
  link.conditions(Direction::to_stack).held = true;
  link.put(Direction::to_stack, packet(1), begin);
  EXPECT_FALSE(link.poll_timeout());
  EXPECT_FALSE(link.take(Direction::to_stack, begin + seconds(1)));
  EXPECT_TRUE(equal(link.next(Direction::to_stack), packet(1)));
  link.conditions(Direction::to_stack).held = false;
  EXPECT_EQ(link.take(Direction::to_stack, begin + seconds(1)), packet(1));
}

TEST(Link, spreads_packets_over_a_limited_rate_and_drops_what_would_wait_too_long) {
  Link link(1);
  link.conditions(Direction::to_stack).bytes_per_second = 1'000'000;
  const Buffer full(1'000);
  for (int i = 0; i < 1'000; i++) link.put(Direction::to_stack, full, begin);
  EXPECT_EQ(link.poll_timeout(), begin + milliseconds(1));
  const std::size_t passed = arrivals(link, Direction::to_stack).size();
  EXPECT_EQ(passed, 201u);  // 200 ms of line
  EXPECT_EQ(link.lost(Direction::to_stack), 1'000 - passed);
}

}  // namespace
}  // namespace quoin::oracle
