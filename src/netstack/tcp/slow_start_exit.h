// HyStart++: leaving slow start before it overruns the path (RFC 9406).
//
// When the least round trip of a round rises by an eighth over that of the round before, the queue at the bottleneck
// has begun to fill. Growth then goes on at a quarter of the pace; if the rise goes away it was a mistake, and after
// five such rounds slow start is over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace quoin::netstack::tcp {

class SlowStartExit {
 public:
  static constexpr Duration threshold_min = milliseconds(4);
  static constexpr Duration threshold_max = milliseconds(16);
  static constexpr int samples_needed = 8;
  static constexpr std::uint64_t conservative_divisor = 4;
  static constexpr int conservative_rounds_max = 5;

  // Feeds one acknowledgment; true when slow start should end.
  bool on_ack(std::optional<Duration> rtt, bool round_started) {
    if (round_started) {
      last_round_ = this_round_;
      this_round_.reset();
      samples_ = 0;
      if (conservative_ && ++rounds_ > conservative_rounds_max) return true;
    }
    if (!rtt) return false;
    samples_++;
    this_round_ = this_round_ ? std::min(*this_round_, *rtt) : *rtt;
    if (samples_ < samples_needed) return false;
    if (conservative_) {
      if (*this_round_ < baseline_) conservative_ = false;
    } else if (last_round_) {
      const Duration rise = std::clamp<Duration>(*last_round_ / 8, threshold_min, threshold_max);
      if (*this_round_ >= *last_round_ + rise) {
        conservative_ = true;
        baseline_ = *this_round_;
        rounds_ = 0;
      }
    }
    return false;
  }
  std::uint64_t growth(std::uint64_t delivered) const {
    return conservative_ ? delivered / conservative_divisor : delivered;
  }

 private:
  std::optional<Duration> last_round_;
  std::optional<Duration> this_round_;
  int samples_ = 0;
  bool conservative_ = false;
  Duration baseline_{0};
  int rounds_ = 0;
};

}  // namespace quoin::netstack::tcp
