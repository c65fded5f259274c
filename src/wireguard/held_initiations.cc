#include "wireguard/held_initiations.h"

#include <algorithm>
#include <utility>

namespace quoin::wireguard {

bool HeldInitiations::hold(HeldInitiation initiation) {
  drop_expired(initiation.since);
  const crypto::NodePublicKey key = initiation.initiation.static_key;
  if (const auto found = held_.find(key); found != held_.end()) {
    if (initiation.timestamp > found->second.timestamp) found->second = std::move(initiation);
    return false;
  }
  if (held_.size() == held_max) drop_oldest();
  held_.emplace(key, std::move(initiation));
  return true;
}

std::optional<HeldInitiation> HeldInitiations::take(const crypto::NodePublicKey& key, Instant now) {
  drop_expired(now);
  auto node = held_.extract(key);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void HeldInitiations::drop_expired(Instant now) {
  std::erase_if(held_, [now](const auto& entry) { return now - entry.second.since > held_for; });
}

void HeldInitiations::drop_oldest() {
  held_.erase(std::ranges::min_element(held_, {}, [](const auto& entry) { return entry.second.since; }));
}

}  // namespace quoin::wireguard
