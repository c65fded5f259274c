// How fast the gate is told or asked something that others bring about.
//
// The gate ends a tunnel that sends it 5000 messages a second (gate/session.h), and nobody outside must bring that
// about. So what waits is kept as state where it came from, and a pace says when the next message of its kind may go.
// All paces together stay below what the gate bears.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "netstack/rate_limit.h"

namespace quoin::tunnel {

class Pace {
 public:
  Pace(std::uint32_t burst, Duration interval, Instant now) : interval_(interval), limit_(burst, interval, now) {}

  // For something that waits. Where the answer is no, ask again at poll_timeout.
  bool take(Instant now) {
    wake_at_.reset();
    if (limit_.take(now)) return true;
    wake_at_ = now + interval_;
    return false;
  }
  std::optional<Instant> poll_timeout() const { return wake_at_; }

 private:
  Duration interval_;
  netstack::RateLimit limit_;
  std::optional<Instant> wake_at_;
};

}  // namespace quoin::tunnel
