#include "wireguard/index_table.h"

namespace quoin::wireguard {

IndexLease::~IndexLease() {
  if (table_ != nullptr) table_->peers_.erase(index_.value);
}

IndexLease IndexTable::take(PeerId peer) {
  // Peers have at most five indices each, so the table is nearly empty and the first draw nearly always free.
  for (;;) {
    const SessionIndex index{Reader(random_.array<4>()).u32(Endian::little)};
    if (peers_.try_emplace(index.value, peer).second) return IndexLease(*this, index);
  }
}

std::optional<PeerId> IndexTable::find(SessionIndex index) const {
  const auto found = peers_.find(index.value);
  if (found == peers_.end()) return std::nullopt;
  return found->second;
}

}  // namespace quoin::wireguard
