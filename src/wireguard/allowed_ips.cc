#include "wireguard/allowed_ips.h"

#include <algorithm>

namespace quoin::wireguard {

void AllowedIps::assign(PeerId peer, const std::vector<Prefix>& prefixes) {
  remove(peer);
  const auto end = prefixes.begin() + static_cast<std::ptrdiff_t>(std::min(prefixes.size(), prefixes_per_peer_max));
  std::vector<Prefix>& assigned = assigned_[peer];
  assigned.assign(prefixes.begin(), end);
  for (const Prefix& prefix : assigned) {
    PerVersion& version = of(prefix.network());
    const bool inserted = version.peers.insert_or_assign(prefix, peer).second;
    if (inserted) version.lengths[prefix.length()]++;
  }
}

void AllowedIps::remove(PeerId peer) {
  const auto assigned = assigned_.find(peer);
  if (assigned == assigned_.end()) return;
  for (const Prefix& prefix : assigned->second) {
    PerVersion& version = of(prefix.network());
    const auto entry = version.peers.find(prefix);
    if (entry == version.peers.end() || entry->second != peer) continue;  // it has moved to another
    version.peers.erase(entry);
    const auto length = version.lengths.find(prefix.length());
    if (--length->second == 0) version.lengths.erase(length);
  }
  assigned_.erase(assigned);
}

std::optional<PeerId> AllowedIps::find(const IpAddress& address) const {
  const PerVersion& version = of(address);
  for (const auto& [length, count] : version.lengths) {
    const auto found = version.peers.find(Prefix::containing(address, length));
    if (found != version.peers.end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace quoin::wireguard
