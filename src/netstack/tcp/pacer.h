// When the next burst may leave, and how large it may be.
//
// A paced sender leaves gaps between bursts so that their average is the controller's rate. A burst is a millisecond's
// worth or two segments, whichever is more: never a wake-up per packet. The first ten segments, and as many after an
// idle time, leave at once.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace quoin::netstack::tcp {

class Pacer {
 public:
  static constexpr Duration burst_duration = milliseconds(1);
  static constexpr std::uint64_t unpaced_segments = 10;

  explicit Pacer(std::uint64_t mss) : mss_(mss), credit_(unpaced_segments * mss) {}

  // How many bytes may leave now at this rate; 0: not before next_at().
  std::uint64_t allowance(std::optional<std::uint64_t> rate, Instant now);
  void sent(std::uint64_t bytes, std::optional<std::uint64_t> rate, Instant now);
  void idle() { credit_ = unpaced_segments * mss_; }  // nothing is in flight
  Instant next_at() const { return next_at_; }

 private:
  std::uint64_t burst(std::uint64_t rate) const;

  std::uint64_t mss_;
  std::uint64_t credit_;  // may leave whatever the time
  Instant next_at_{};
};

}  // namespace quoin::netstack::tcp
