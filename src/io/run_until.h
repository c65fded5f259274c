// For tests: runs a loop until something is so, and fails rather than waits for ever.
#pragma once

#include <gtest/gtest.h>

#include "io/clock.h"
#include "io/timer.h"

namespace quoin::io {

template <class Predicate>
[[nodiscard]] bool run_until(Loop& loop, Predicate is_so) {
  bool too_late = false;
  Timer timer(loop, [&] { too_late = true; });
  timer.set(now() + seconds(20));
  while (!is_so() && !too_late) loop.run_one();
  return is_so();
}

}  // namespace quoin::io
