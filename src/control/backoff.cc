#include "control/backoff.h"

#include <algorithm>

namespace quoin::control {

Duration Backoff::next(Random& random) {
  constexpr std::uint32_t tries_max = 100;  // beyond the longest wait whatever the chance
  tries_ = std::min(tries_ + 1, tries_max);
  const Duration base = milliseconds(10) * tries_ * tries_;
  const auto half_to_one_and_a_half = static_cast<std::int64_t>(500 + random.below(1001));
  return std::min<Duration>(base * half_to_one_and_a_half / 1000, longest);
}

}  // namespace quoin::control
