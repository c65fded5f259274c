#include "pair/port_counts.h"

#include <gtest/gtest.h>

namespace quoin::pair {
namespace {

TEST(PortCounts, a_few_ports_are_counted_each_by_itself) {
  PortCounts counts;
  EXPECT_TRUE(counts.empty());
  for (int i = 0; i < 3; i++) counts.add(9100);
  counts.add(0, 5);
  EXPECT_EQ(counts.singles(), (std::map<std::uint16_t, std::uint32_t>{{0, 5}, {9100, 3}}));
  EXPECT_FALSE(counts.others());
}

TEST(PortCounts, a_scan_of_all_ports_is_a_few_of_them_and_the_others_together) {
  PortCounts counts;
  for (std::uint32_t port = 1; port <= 65'535; port++) counts.add(static_cast<std::uint16_t>(port));
  counts.add(65'535);
  counts.add(1);
  EXPECT_EQ(counts.singles().size(), PortCounts::singles_max);
  EXPECT_EQ(counts.singles().at(1), 2u);
  const auto others = counts.others();
  ASSERT_TRUE(others);
  EXPECT_EQ(others->lowest, PortCounts::singles_max + 1);
  EXPECT_EQ(others->highest, 65'535);
  EXPECT_EQ(others->ports, 65'535 - PortCounts::singles_max);
  EXPECT_EQ(others->count, 65'536 - PortCounts::singles_max);
}

TEST(PortCounts, ranges_hold_every_attempt_and_every_port_whatever_their_number) {
  PortCounts counts;
  std::uint64_t added = 0;
  for (std::uint32_t port = 1; port < 5000; port += 1 + port % 3) {
    counts.add(static_cast<std::uint16_t>(port), 1 + port % 2);
    added += 1 + port % 2;
  }
  counts.add(PortAttempts{10'000, 19'999, 4'000'000'000});
  counts.add(PortAttempts{15'000, 20'000, 4'000'000'000});
  added += 8'000'000'000;
  std::uint64_t told = 0;
  std::uint32_t ports_of_the_ranges = 0;
  for (int rounds = 0; !counts.empty(); rounds++) {
    ASSERT_LT(rounds, 1000);
    const auto ranges = counts.take_ranges(16);
    ASSERT_LE(ranges.size(), 16u);
    for (const PortAttempts& range : ranges) {
      EXPECT_LE(range.first, range.last);
      EXPECT_GE(range.count, range.ports());
      told += range.count;
      if (range.first >= 10'000) ports_of_the_ranges = std::max(ports_of_the_ranges, range.ports());
    }
  }
  EXPECT_EQ(told, added);
  EXPECT_EQ(ports_of_the_ranges, 10'001u);
}

}  // namespace
}  // namespace quoin::pair
