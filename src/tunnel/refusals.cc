#include "tunnel/refusals.h"

#include <algorithm>

namespace quoin::tunnel {

void Refusals::note(const crypto::NodePublicKey& engineer, pair::Protocol protocol, std::uint16_t port,
                    pair::RefusedFor why, Instant now) {
  kinds_[{engineer, protocol, why}].add(port);
  if (!due_) due_ = now + every;
}

std::optional<pair::Refused> Refusals::take(Instant now) {
  if (!due_ || now < *due_ || !pace_.take(now)) return std::nullopt;
  return take_at_once();
}

// In turns, so that nobody's scan keeps another's attempts waiting.
std::optional<pair::Refused> Refusals::take_at_once() {
  if (kinds_.empty()) return std::nullopt;
  auto next = told_last_ ? kinds_.upper_bound(*told_last_) : kinds_.begin();
  if (next == kinds_.end()) next = kinds_.begin();
  told_last_ = next->first;
  pair::Refused told{next->first.engineer, next->first.protocol, next->first.why,
                     next->second.take_ranges(pair::list_entries_max)};
  if (next->second.empty()) kinds_.erase(next);
  if (kinds_.empty()) due_.reset();
  return told;
}

std::optional<Instant> Refusals::poll_timeout() const {
  const auto paced = pace_.poll_timeout();
  return due_ && paced ? std::max(*paced, *due_) : due_;
}

}  // namespace quoin::tunnel
