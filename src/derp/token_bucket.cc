#include "derp/token_bucket.h"

#include <algorithm>
#include <cassert>

namespace quoin::derp {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

}  // namespace

TokenBucket::TokenBucket(std::uint64_t bytes_per_second, std::uint64_t bytes_burst, Instant now)
    : bytes_per_second_(std::min(bytes_per_second, bytes_per_second_max)),
      bytes_burst_(std::min(bytes_burst, bytes_burst_max)),
      bytes_(bytes_burst_),
      counted_until_(now) {
  assert(bytes_per_second > 0 && bytes_burst > 0);
}

bool TokenBucket::take(std::uint64_t bytes, Instant now) {
  if (now > counted_until_) earn(now);
  if (bytes > bytes_) return false;
  bytes_ -= bytes;
  return true;
}

void TokenBucket::earn(Instant now) {
  const auto elapsed = static_cast<std::uint64_t>((now - counted_until_).count());
  const std::uint64_t whole_seconds = elapsed / nanoseconds_per_second;
  const bool fills = whole_seconds > bytes_burst_ / bytes_per_second_;
  const std::uint64_t earned = fills
                                   ? bytes_burst_
                                   : whole_seconds * bytes_per_second_ +
                                         elapsed % nanoseconds_per_second * bytes_per_second_ / nanoseconds_per_second;
  if (earned >= bytes_burst_ - bytes_) {
    bytes_ = bytes_burst_;
    counted_until_ = now;
    return;
  }
  bytes_ += earned;
  // Only the time that whole bytes cost, rounded up: the rest goes on earning.
  const std::uint64_t part = earned % bytes_per_second_;
  const std::uint64_t spent = earned / bytes_per_second_ * nanoseconds_per_second +
                              (part * nanoseconds_per_second + bytes_per_second_ - 1) / bytes_per_second_;
  counted_until_ += nanoseconds(static_cast<std::int64_t>(spent));
}

}  // namespace quoin::derp
