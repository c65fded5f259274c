// How often something may be sent that an unasked packet provokes: a bucket that holds `burst` and gains one every
// `interval`.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace quoin::netstack {

class RateLimit {
 public:
  RateLimit(std::uint32_t burst, Duration interval, Instant now)
      : depth_(interval * burst), interval_(interval), saved_(depth_), last_(now) {}

  // Only if so many are left for others afterwards.
  bool take(Instant now, std::uint32_t left_for_others = 0) {
    saved_ = std::min(depth_, saved_ + std::max(now - last_, Duration(0)));
    last_ = now;
    if (saved_ < interval_ * (1 + std::int64_t{left_for_others})) return false;
    saved_ -= interval_;
    return true;
  }

 private:
  Duration depth_;
  Duration interval_;
  Duration saved_;  // kept as time, so that nothing is lost to rounding
  Instant last_;
};

}  // namespace quoin::netstack
