#include "derp/token_bucket.h"

#include <algorithm>
#include <cassert>

namespace quoin::derp {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

}  // namespace

TokenBucket::TokenBucket(std::uint64_t bytes_per_second, std::uint64_t bytes_burst, Instant now)
    : bytes_per_second_(bytes_per_second), bytes_burst_(bytes_burst), bytes_(bytes_burst), counted_until_(now) {
  assert(bytes_per_second > 0 && bytes_burst > 0);
}

bool TokenBucket::take(std::uint64_t bytes, Instant now) {
  if (now > counted_until_) {
    const auto elapsed = static_cast<unsigned __int128>((now - counted_until_).count());
    const unsigned __int128 earned = elapsed * bytes_per_second_ / nanoseconds_per_second;
    if (earned >= bytes_burst_ - bytes_) {
      bytes_ = bytes_burst_;
      counted_until_ = now;
    } else {
      bytes_ += static_cast<std::uint64_t>(earned);
      // Only the time that whole bytes cost, rounded up: the rest goes on earning.
      const unsigned __int128 spent = (earned * nanoseconds_per_second + bytes_per_second_ - 1) / bytes_per_second_;
      counted_until_ += nanoseconds(static_cast<std::int64_t>(spent));
    }
  }
  if (bytes > bytes_) return false;
  bytes_ -= bytes;
  return true;
}

}  // namespace quoin::derp
