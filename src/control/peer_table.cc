#include "control/peer_table.h"

namespace quoin::control {

const Peer* PeerTable::find(NodeId id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

const Peer* PeerTable::find(const crypto::NodePublicKey& key) const {
  const auto found = ids_.find(key);
  return found == ids_.end() ? nullptr : find(found->second);
}

void PeerTable::remember(NodeId id) {
  if (before_.contains(id)) return;
  const Peer* peer = find(id);
  before_.emplace(id, peer == nullptr ? std::nullopt : std::optional(*peer));
}

void PeerTable::clear() {
  for (auto& [id, peer] : peers_) before_.try_emplace(id, std::move(peer));
  peers_.clear();
  ids_.clear();
}

void PeerTable::erase(NodeId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  remember(id);
  ids_.erase(found->second.key);
  peers_.erase(found);
}

void PeerTable::put(Peer peer) {
  if (const Peer* other = find(peer.key); other != nullptr && other->id != peer.id) erase(other->id);
  remember(peer.id);
  if (const Peer* known = find(peer.id); known != nullptr) ids_.erase(known->key);
  ids_[peer.key] = peer.id;
  const NodeId id = peer.id;
  peers_.insert_or_assign(id, std::move(peer));
}

PeerTable::Difference PeerTable::end_edit() {
  Difference out;
  for (const auto& [id, old] : before_) {
    const Peer* peer = find(id);
    if (peer == nullptr && old) {
      out.removed.push_back(id);
    } else if (peer != nullptr && !old) {
      out.added.push_back(id);
    } else if (peer != nullptr && *old != *peer) {
      out.changed.push_back(id);
    }
  }
  before_.clear();
  return out;
}

}  // namespace quoin::control
