#include "wireguard/rate_limit.h"

#include <algorithm>

namespace quoin::wireguard {

Duration TokenBucket::held(Instant now) const {
  if (!updated_) return capacity();
  const Duration gained = std::clamp(now - *updated_, Duration(0), capacity());
  return std::min(held_ + gained, capacity());
}

bool TokenBucket::take(Instant now) {
  held_ = held(now);
  updated_ = now;
  if (held_ < token()) return false;
  held_ -= token();
  return true;
}

bool TokenBucket::full(Instant now) const {
  return held(now) == capacity();
}

bool SourceLimiter::allow(const Source& source, Instant now) {
  const auto key = source.bytes_for_limit();
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() == sources_max) drop_full_buckets(now);
    if (buckets_.size() == sources_max) return false;
    found = buckets_.emplace(key, TokenBucket(rate)).first;
  }
  return found->second.take(now);
}

void SourceLimiter::drop_full_buckets(Instant now) {
  // A full bucket says nothing that a new one would not. Once a second, so that a flood does not pay for sweeps.
  if (swept_ && now - *swept_ < seconds(1)) return;
  swept_ = now;
  std::erase_if(buckets_, [now](const auto& entry) { return entry.second.full(now); });
}

}  // namespace quoin::wireguard
