#include "netstack/tcp/pacer.h"

#include <algorithm>
#include <limits>

namespace quoin::netstack::tcp {

std::uint64_t Pacer::burst(std::uint64_t rate) const {
  const std::uint64_t bytes = rate / static_cast<std::uint64_t>(seconds(1) / burst_duration);
  return std::max(bytes, 2 * mss_);
}

std::uint64_t Pacer::allowance(std::optional<std::uint64_t> rate, Instant now) {
  if (!rate) return std::numeric_limits<std::uint64_t>::max();
  if (credit_ >= mss_) return credit_;
  return now < next_at_ ? 0 : burst(*rate);
}

void Pacer::sent(std::uint64_t bytes, std::optional<std::uint64_t> rate, Instant now) {
  const std::uint64_t free = std::min(credit_, bytes);
  credit_ -= free;
  if (!rate || free == bytes) {
    next_at_ = now;
    return;
  }
  // A sender that was woken late may catch up by one burst.
  const Duration gap(static_cast<std::int64_t>(static_cast<double>(bytes - free) * 1e9 /
                                               static_cast<double>(std::max<std::uint64_t>(*rate, 1))));
  next_at_ = std::max(next_at_, now - burst_duration) + std::min<Duration>(gap, seconds(1));
}

}  // namespace quoin::netstack::tcp
