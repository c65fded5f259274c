// Calls back at an Instant, on the clock that counts sleep (a timerfd on CLOCK_BOOTTIME, set to absolute times): what
// was due while the machine slept is due when it wakes.
#pragma once

#include <optional>

#include "base/time.h"
#include "io/readiness.h"

namespace quoin::io {

class Timer {
 public:
  Timer(Loop& loop, Callback expired);

  void set(std::optional<Instant> at);  // replaces what was set; a time in the past expires at once; nothing stops it
  void clear() { set(std::nullopt); }
  std::optional<Instant> at() const { return at_; }

 private:
  void wait();

  Readiness readiness_;
  std::shared_ptr<Callback> expired_;
  std::optional<Instant> at_;
};

}  // namespace quoin::io
