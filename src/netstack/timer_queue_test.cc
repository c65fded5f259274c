#include "netstack/timer_queue.h"

#include <map>

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::netstack {
namespace {

Instant at(std::int64_t nanosecond) {
  return Instant{Duration(nanosecond)};
}

TEST(TimerQueue, is_empty_at_first) {
  TimerQueue timers;
  EXPECT_FALSE(timers.earliest());
  EXPECT_FALSE(timers.pop_due(Instant::max()));
  timers.clear(5);
}

TEST(TimerQueue, gives_each_deadline_when_it_is_due_and_once) {
  TimerQueue timers;
  timers.set(1, at(20));
  timers.set(2, at(10));
  EXPECT_EQ(timers.earliest(), at(10));
  EXPECT_FALSE(timers.pop_due(at(9)));
  EXPECT_EQ(timers.pop_due(at(10)), 2u);
  EXPECT_FALSE(timers.pop_due(at(10)));
  EXPECT_EQ(timers.pop_due(at(25)), 1u);
  EXPECT_FALSE(timers.earliest());
}

TEST(TimerQueue, moves_a_deadline_either_way) {
  TimerQueue timers;
  for (std::uint32_t place = 0; place < 10; place++) timers.set(place, at(100 + place));
  timers.set(9, at(1));
  EXPECT_EQ(timers.earliest(), at(1));
  timers.set(9, at(1'000));
  EXPECT_EQ(timers.earliest(), at(100));
  EXPECT_EQ(timers.size(), 10u);
}

TEST(TimerQueue, gives_equal_deadlines_in_the_order_of_their_places) {
  TimerQueue timers;
  for (const std::uint32_t place : {4u, 0u, 3u, 1u, 2u}) timers.set(place, at(5));
  for (std::uint32_t place = 0; place < 5; place++) EXPECT_EQ(timers.pop_due(at(5)), place);
}

TEST(TimerQueue, agrees_with_a_sorted_map_over_any_sequence) {
  SeededRandom random(3);
  TimerQueue timers;
  std::map<std::uint32_t, Instant> model;
  const auto first = [&] {
    auto best = model.begin();
    for (auto it = model.begin(); it != model.end(); ++it) {
      if (it->second < best->second) best = it;
    }
    return best;
  };
  for (int step = 0; step < 20'000; step++) {
    const auto place = static_cast<std::uint32_t>(random.below(50));
    switch (random.below(4)) {
      case 0:
        timers.clear(place);
        model.erase(place);
        break;
      case 1:
        if (!model.empty()) {
          const auto due = first();
          ASSERT_EQ(timers.pop_due(due->second), due->first);
          model.erase(due);
        }
        break;
      default: model[place] = at(static_cast<std::int64_t>(random.below(100))); timers.set(place, model[place]);
    }
    ASSERT_EQ(timers.size(), model.size());
    if (!model.empty()) ASSERT_EQ(timers.earliest(), first()->second);
  }
}

}  // namespace
}  // namespace quoin::netstack
