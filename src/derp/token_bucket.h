// A rate with room for bursts, in whole bytes and nanoseconds.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace quoin::derp {

class TokenBucket {
 public:
  // Full at the start. Neither value is zero.
  TokenBucket(std::uint64_t bytes_per_second, std::uint64_t bytes_burst, Instant now);

  bool take(std::uint64_t bytes, Instant now);  // false, and nothing taken, if there are not so many

 private:
  std::uint64_t bytes_per_second_;
  std::uint64_t bytes_burst_;
  std::uint64_t bytes_;
  Instant counted_until_;
};

}  // namespace quoin::derp
