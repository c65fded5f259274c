#include "gate/lock.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::gate {
namespace {

constexpr WallTime wall0{hours(24) * 365 * 56};
constexpr Instant now0{hours(3)};

Warrant warrant(std::string device, Duration lasts, WallTime wall = wall0, Instant now = now0) {
  return {.device = std::move(device),
          .services = {{{pair::Transport::tcp, 80, 80}}, false},
          .engineers = {"alice@example.com"},
          .opened_by = "root",
          .reason = "",
          .ends = now + lasts,
          .ends_wall = wall + lasts};
}
Lock new_lock() {
  return Lock({"mfp", "laser"}, hours(4));
}
bool is_open(Lock& lock, std::string_view device, WallTime wall, Instant now) {
  return lock.in_force(device, wall, now) != nullptr;
}

TEST(Lock, starts_shut) {
  Lock lock = new_lock();
  EXPECT_FALSE(is_open(lock, "mfp", wall0, now0));
  EXPECT_FALSE(is_open(lock, "", wall0, now0));
  EXPECT_EQ(lock.next_end(wall0, now0), std::nullopt);
}

TEST(Lock, opens_one_device_and_no_other) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  EXPECT_TRUE(is_open(lock, "mfp", wall0, now0));
  EXPECT_FALSE(is_open(lock, "laser", wall0, now0));
  EXPECT_EQ(lock.in_force("mfp", wall0, now0)->opened_by, "root");
  EXPECT_EQ(lock.next_end(wall0, now0), now0 + minutes(30));
}

TEST(Lock, is_open_until_the_nanosecond_before_its_deadline) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  const Duration last = minutes(30) - nanoseconds(1);
  EXPECT_TRUE(is_open(lock, "mfp", wall0 + last, now0 + last));
  EXPECT_FALSE(is_open(lock, "mfp", wall0 + minutes(30), now0 + minutes(30)));
}

TEST(Lock, a_calendar_set_back_gains_nothing) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  EXPECT_TRUE(is_open(lock, "mfp", wall0 - hours(24), now0 + minutes(29)));
  EXPECT_FALSE(is_open(lock, "mfp", wall0 - hours(24), now0 + minutes(30)));
}

TEST(Lock, a_calendar_set_forward_past_the_deadline_ends_it_for_good) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  EXPECT_FALSE(is_open(lock, "mfp", wall0 + hours(24), now0 + seconds(1)));
  EXPECT_FALSE(is_open(lock, "mfp", wall0 + seconds(2), now0 + seconds(2)));  // and set back again
}

TEST(Lock, refuses_what_the_configuration_does_not_name) {
  Lock lock = new_lock();
  EXPECT_EQ(lock.open(warrant("files", minutes(1)), wall0, now0).error(), Lock::Refusal::unknown_device);
  EXPECT_EQ(lock.open(warrant("", minutes(1)), wall0, now0).error(), Lock::Refusal::unknown_device);
}

TEST(Lock, refuses_a_second_warrant_for_an_open_device_and_keeps_the_first) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(1)), wall0, now0));
  EXPECT_EQ(lock.open(warrant("mfp", minutes(30)), wall0, now0).error(), Lock::Refusal::already_open);
  EXPECT_FALSE(is_open(lock, "mfp", wall0 + minutes(1), now0 + minutes(1)));
}

TEST(Lock, refuses_no_time_and_too_much_by_either_clock) {
  Lock lock = new_lock();
  EXPECT_EQ(lock.open(warrant("mfp", seconds(0)), wall0, now0).error(), Lock::Refusal::no_time);
  EXPECT_EQ(lock.open(warrant("mfp", -seconds(1)), wall0, now0).error(), Lock::Refusal::no_time);
  EXPECT_EQ(lock.open(warrant("mfp", hours(4) + nanoseconds(1)), wall0, now0).error(), Lock::Refusal::too_long);
  Warrant uneven = warrant("mfp", hours(1));
  uneven.ends = now0 + hours(5);
  EXPECT_EQ(lock.open(uneven, wall0, now0).error(), Lock::Refusal::too_long);
  uneven = warrant("mfp", hours(1));
  uneven.ends_wall = wall0 + hours(5);
  EXPECT_EQ(lock.open(uneven, wall0, now0).error(), Lock::Refusal::too_long);
  uneven = warrant("mfp", hours(1));
  uneven.ends_wall = WallTime::max();
  EXPECT_EQ(lock.open(uneven, wall0, now0).error(), Lock::Refusal::too_long);
  EXPECT_TRUE(lock.open(warrant("mfp", hours(4)), wall0, now0));
}

TEST(Lock, no_configuration_reaches_beyond_a_day) {
  Lock lock({"mfp"}, hours(1000));
  EXPECT_EQ(lock.open(warrant("mfp", hours(25)), wall0, now0).error(), Lock::Refusal::too_long);
  EXPECT_TRUE(lock.open(warrant("mfp", hours(24)), wall0, now0));
}

TEST(Lock, asking_first_opens_nothing) {
  Lock lock = new_lock();
  EXPECT_TRUE(lock.may_open(warrant("mfp", minutes(1)), wall0, now0));
  EXPECT_FALSE(is_open(lock, "mfp", wall0, now0));
}

Ends in(Duration lasts, WallTime wall = wall0, Instant now = now0) {
  return {now + lasts, wall + lasts};
}

TEST(Lock, extends_what_is_open_and_changes_nothing_else_of_it) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  ASSERT_TRUE(lock.open(warrant("laser", minutes(30)), wall0, now0));
  ASSERT_TRUE(lock.extend("mfp", in(minutes(40)), wall0, now0));
  EXPECT_TRUE(is_open(lock, "mfp", wall0 + minutes(39), now0 + minutes(39)));
  EXPECT_FALSE(is_open(lock, "laser", wall0 + minutes(39), now0 + minutes(39)));
  const Warrant* extended = lock.in_force("mfp", wall0, now0);
  ASSERT_NE(extended, nullptr);
  EXPECT_EQ(extended->services, warrant("mfp", minutes(1)).services);
  EXPECT_EQ(extended->engineers, warrant("mfp", minutes(1)).engineers);
  EXPECT_FALSE(is_open(lock, "mfp", wall0 + minutes(40), now0 + minutes(40)));
}

TEST(Lock, extends_nothing_that_is_not_open_any_more_or_never_was) {
  Lock lock = new_lock();
  EXPECT_EQ(lock.extend("mfp", in(minutes(1)), wall0, now0).error(), Lock::Refusal::not_open);
  EXPECT_EQ(lock.extend("files", in(minutes(1)), wall0, now0).error(), Lock::Refusal::not_open);
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  const WallTime later_wall = wall0 + minutes(30);
  const Instant later = now0 + minutes(30);
  EXPECT_EQ(lock.extend("mfp", in(minutes(1), later_wall, later), later_wall, later).error(), Lock::Refusal::not_open);
  EXPECT_FALSE(is_open(lock, "mfp", wall0, now0));  // seen to be over, it stays over
}

TEST(Lock, an_extension_never_shortens_and_is_never_nothing) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  EXPECT_EQ(lock.extend("mfp", in(minutes(29)), wall0, now0).error(), Lock::Refusal::no_later);
  EXPECT_EQ(lock.extend("mfp", in(minutes(30)), wall0, now0).error(), Lock::Refusal::no_later);
  EXPECT_EQ(lock.extend("mfp", in(seconds(0)), wall0, now0).error(), Lock::Refusal::no_time);
  EXPECT_EQ(lock.extend("mfp", {now0 + hours(1), wall0}, wall0, now0).error(), Lock::Refusal::no_time);
  EXPECT_EQ(lock.extend("mfp", {now0 + hours(1), wall0 + minutes(30)}, wall0, now0).error(), Lock::Refusal::no_later);
  EXPECT_EQ(lock.next_end(wall0, now0), now0 + minutes(30));
}

TEST(Lock, an_extension_counts_the_longest_time_from_its_own_moment) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", hours(4)), wall0, now0));
  const WallTime wall = wall0 + hours(3);
  const Instant now = now0 + hours(3);
  EXPECT_EQ(lock.extend("mfp", in(hours(4) + nanoseconds(1), wall, now), wall, now).error(), Lock::Refusal::too_long);
  EXPECT_EQ(lock.extend("mfp", {Instant::max(), wall + hours(1)}, wall, now).error(), Lock::Refusal::too_long);
  EXPECT_EQ(lock.extend("mfp", {now + hours(2), WallTime::max()}, wall, now).error(), Lock::Refusal::too_long);
  EXPECT_TRUE(lock.may_extend("mfp", in(hours(4), wall, now), wall, now));
  EXPECT_EQ(lock.next_end(wall, now), now0 + hours(4));  // asking changed nothing
  EXPECT_TRUE(lock.extend("mfp", in(hours(4), wall, now), wall, now));
  EXPECT_EQ(lock.next_end(wall, now), now + hours(4));
}

TEST(Lock, a_calendar_that_was_set_forward_is_made_up_for_by_an_extension) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  const WallTime wall = wall0 + minutes(29);  // one minute is left by the calendar
  EXPECT_TRUE(lock.extend("mfp", in(minutes(10), wall, now0), wall, now0));
  EXPECT_EQ(lock.next_end(wall, now0), now0 + minutes(10));
}

TEST(Lock, closes_at_once_and_only_what_is_meant) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(1)), wall0, now0));
  ASSERT_TRUE(lock.open(warrant("laser", minutes(2)), wall0, now0));
  lock.close("mfp");
  lock.close("nothing");
  EXPECT_FALSE(is_open(lock, "mfp", wall0, now0));
  EXPECT_TRUE(is_open(lock, "laser", wall0, now0));
  EXPECT_EQ(lock.next_end(wall0, now0), now0 + minutes(2));
}

TEST(Lock, next_end_follows_the_clock_that_comes_first) {
  Lock lock = new_lock();
  ASSERT_TRUE(lock.open(warrant("mfp", minutes(30)), wall0, now0));
  EXPECT_EQ(lock.next_end(wall0 + minutes(20), now0 + minutes(1)), now0 + minutes(11));
  EXPECT_EQ(lock.next_end(wall0 - minutes(20), now0 + minutes(1)), now0 + minutes(30));
  EXPECT_EQ(lock.next_end(wall0 + hours(1), now0 + minutes(1)), now0 + minutes(1));
}

// The same rules once more, in the plainest words: a device is open from the opening on until it was closed, or until a
// look at either clock showed the deadline reached; an extension gives it more time than it had left.
struct Model {
  struct Opened {
    Duration until;
    Duration until_wall;
  };
  std::map<std::string, Opened> open;

  void look(Duration wall, Duration now) {
    std::erase_if(open, [&](const auto& each) { return now >= each.second.until || wall >= each.second.until_wall; });
  }
};

TEST(Lock, agrees_with_its_model_whatever_happens) {
  const std::vector<std::string> devices = {"mfp", "laser", "label"};
  for (std::uint64_t seed = 1; seed <= 300; seed++) {
    SeededRandom random(seed);
    Lock lock({"mfp", "laser"}, hours(1));
    Model model;
    WallTime wall = wall0;
    Instant now = now0;
    for (int step = 0; step < 400; step++) {
      const std::string& device = devices[random.below(devices.size())];
      switch (random.below(7)) {
        case 0:
        case 1: {  // open, also for no time and too much of it
          const Duration lasts = minutes(static_cast<int>(random.below(75)) - 5);
          const Duration lasts_wall = random.below(4) > 0 ? lasts : minutes(static_cast<int>(random.below(75)) - 5);
          Warrant wanted = warrant(device, lasts, wall, now);
          wanted.ends_wall = wall + lasts_wall;
          model.look(wall.since_zero, now.since_zero);
          const auto sane = [](Duration d) { return d > Duration(0) && d <= hours(1); };
          const bool expected = device != "label" && !model.open.contains(device) && sane(lasts) && sane(lasts_wall);
          ASSERT_EQ(lock.open(wanted, wall, now).has_value(), expected) << "seed " << seed << " step " << step;
          if (expected) model.open[device] = {wanted.ends.since_zero, wanted.ends_wall.since_zero};
          break;
        }
        case 2:
          lock.close(device);
          model.open.erase(device);
          break;
        case 3: {  // both clocks go on
          const Duration step_by = milliseconds(random.below(20 * 60 * 1000));
          now += step_by;
          wall += step_by;
          break;
        }
        case 4:  // sleep in which the calendar was wrong, or somebody sets it
          wall += minutes(static_cast<int>(random.below(120)) - 60);
          break;
        case 5: now += nanoseconds(random.below(1'000'000'000)); break;
        case 6: {  // extend, also to an earlier end, to none and too far
          const Duration lasts = minutes(static_cast<int>(random.below(75)) - 5);
          const Duration lasts_wall = random.below(4) > 0 ? lasts : minutes(static_cast<int>(random.below(75)) - 5);
          const Ends ends{now + lasts, wall + lasts_wall};
          model.look(wall.since_zero, now.since_zero);
          const auto sane = [](Duration d) { return d > Duration(0) && d <= hours(1); };
          const auto found = model.open.find(device);
          const bool expected = found != model.open.end() && sane(lasts) && sane(lasts_wall) &&
                                std::min(lasts, lasts_wall) > std::min(found->second.until - now.since_zero,
                                                                       found->second.until_wall - wall.since_zero);
          ASSERT_EQ(lock.extend(device, ends, wall, now).has_value(), expected) << "seed " << seed << " step " << step;
          if (expected) found->second = {ends.at.since_zero, ends.wall.since_zero};
          break;
        }
      }
      // Sometimes nobody looks for a while.
      if (random.below(3) == 0) continue;
      model.look(wall.since_zero, now.since_zero);
      for (const std::string& each : devices) {
        ASSERT_EQ(is_open(lock, each, wall, now), model.open.contains(each)) << "seed " << seed << " step " << step;
      }
      if (const auto next = lock.next_end(wall, now)) {
        ASSERT_GT(*next, now);
        ASSERT_LE(*next, now + hours(1));
      } else {
        ASSERT_TRUE(model.open.empty());
      }
    }
  }
}

}  // namespace
}  // namespace quoin::gate
