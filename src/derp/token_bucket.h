// A rate with room for bursts, in whole bytes and nanoseconds.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace quoin::derp {

class TokenBucket {
 public:
  // Beyond these a limit is none, and the arithmetic stays within 64 bits.
  static constexpr std::uint64_t bytes_per_second_max = 10'000'000'000;
  static constexpr std::uint64_t bytes_burst_max = 1'000'000'000'000'000;

  // Full at the start. Neither value is zero; larger ones than the maxima count as these.
  TokenBucket(std::uint64_t bytes_per_second, std::uint64_t bytes_burst, Instant now);

  bool take(std::uint64_t bytes, Instant now);  // false, and nothing taken, if there are not so many

 private:
  void earn(Instant now);

  std::uint64_t bytes_per_second_;
  std::uint64_t bytes_burst_;
  std::uint64_t bytes_;
  Instant counted_until_;
};

}  // namespace quoin::derp
