// Calls back at an Instant, on the clock that counts sleep (timerfd on CLOCK_BOOTTIME, set to absolute times): what was
// due while the machine slept is due when it wakes. All timers of a loop share one descriptor.
#pragma once

#include <memory>
#include <optional>

#include "io/loop.h"
#include "io/timer_queue.h"

namespace quoin::io {

class Timer {
 public:
  Timer(Loop& loop, Callback expired);  // `expired` may destroy the timer
  ~Timer() { clear(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void set(std::optional<Instant> at);  // replaces what was set; the past expires at once; nothing stops it
  void clear() { set(std::nullopt); }
  std::optional<Instant> at() const { return at_; }

 private:
  TimerQueue& queue_;
  std::shared_ptr<Callback> expired_;
  std::optional<Instant> at_;
  TimerQueue::Key key_{};
};

}  // namespace quoin::io
