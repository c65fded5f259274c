#include "wireguard/replay_window.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::wireguard {
namespace {

constexpr std::uint64_t window = ReplayWindow::window_counters;

TEST(ReplayWindow, is_at_least_as_wide_as_other_implementations) {
  EXPECT_GE(window, 8128U);
}

TEST(ReplayWindow, accepts_each_counter_once) {
  ReplayWindow replay;
  EXPECT_TRUE(replay.accept(0));
  EXPECT_FALSE(replay.accept(0));
  EXPECT_TRUE(replay.accept(1));
  EXPECT_FALSE(replay.accept(1));
  EXPECT_FALSE(replay.accept(0));
  EXPECT_TRUE(replay.accept(9));
  EXPECT_TRUE(replay.accept(8));
  EXPECT_TRUE(replay.accept(7));
  EXPECT_FALSE(replay.accept(7));
  EXPECT_FALSE(replay.accept(8));
  EXPECT_TRUE(replay.accept(2));
}

struct Edge {
  const char* name;
  std::uint64_t newest;
  std::uint64_t counter;
  bool accepted;
};

TEST(ReplayWindow, ends_exactly_at_its_edge) {
  const std::uint64_t far = std::uint64_t{1} << 60;
  const Edge edges[] = {
      {"inside", 20'000, 20'000 - 100, true},
      {"oldest inside", window, 1, true},
      {"just outside", window, 0, false},
      {"oldest inside, at a word's start", 640 + window - 1, 640, true},
      {"just outside, at a word's end", 640 + window - 1, 639, false},
      {"oldest inside, far away", far, far - window + 1, true},
      {"just outside, far away", far, far - window, false},
      {"the beginning, seen from far away", far, 0, false},
      {"newer", 5, 6, true},
      {"much newer", 5, far, true},
      {"the last that can be", 5, std::numeric_limits<std::uint64_t>::max() - 1, true},
      {"the one that cannot be", 5, std::numeric_limits<std::uint64_t>::max(), false},
  };
  for (const Edge& edge : edges) {
    ReplayWindow replay;
    ASSERT_TRUE(replay.accept(edge.newest)) << edge.name;
    EXPECT_EQ(replay.is_new(edge.counter), edge.accepted) << edge.name;
    EXPECT_EQ(replay.accept(edge.counter), edge.accepted) << edge.name;
    EXPECT_FALSE(replay.accept(edge.counter)) << edge.name << ", again";
  }
}

TEST(ReplayWindow, asking_does_not_mark) {
  ReplayWindow replay;
  EXPECT_TRUE(replay.is_new(77));
  EXPECT_TRUE(replay.is_new(77));
  EXPECT_TRUE(replay.accept(77));
  EXPECT_FALSE(replay.is_new(77));
}

TEST(ReplayWindow, forgets_nothing_when_it_jumps_less_than_its_width) {
  ReplayWindow replay;
  for (std::uint64_t i = 0; i < 100; i++) ASSERT_TRUE(replay.accept(i));
  ASSERT_TRUE(replay.accept(window));
  for (std::uint64_t i = 0; i < 100; i++) EXPECT_FALSE(replay.accept(i)) << i;
  EXPECT_TRUE(replay.accept(100));
}

TEST(ReplayWindow, takes_a_whole_window_in_reverse) {
  ReplayWindow replay;
  for (std::uint64_t i = window; i-- > 0;) ASSERT_TRUE(replay.accept(i)) << i;
  for (std::uint64_t i = 0; i < window; i++) ASSERT_FALSE(replay.accept(i)) << i;
}

// Against a set that forgets nothing: whatever is inside the window must agree, whatever is accepted must be new.
TEST(ReplayWindow, agrees_with_a_set_under_reordering_of_8192_and_far_jumps) {
  SeededRandom random(7);
  ReplayWindow replay;
  std::set<std::uint64_t> seen;
  std::uint64_t base = 0;
  std::uint64_t newest = 0;
  std::uint64_t accepted = 0;
  for (int i = 0; i < 200'000; i++) {
    if (random.below(5'000) == 0) base += random.below(40'000);
    if (random.below(2) == 0) base++;
    const std::uint64_t counter = base + random.below(8192);
    const bool fresh = !seen.contains(counter);
    const bool inside = seen.empty() || counter > newest || newest - counter < window;
    ASSERT_EQ(replay.accept(counter), fresh && inside) << "counter " << counter << ", newest " << newest;
    if (fresh && inside) {
      seen.insert(counter);
      newest = std::max(newest, counter);
      accepted++;
    }
  }
  EXPECT_GT(accepted, 50'000U);
}

}  // namespace
}  // namespace quoin::wireguard
