#include "wireguard/interface.h"

#include <utility>

namespace quoin::wireguard {

Interface::Interface(crypto::NodePrivateKey key, Random& random, Instant now, WallTime wall, MessageLimits limits)
    : shared_{.self = LocalIdentity(std::move(key)),
              .clock = Tai64nClock(now, wall),
              .limits = limits,
              .random = random,
              .indices = IndexTable(random),
              .outbox = {},
              .jobs = {}},
      gate_(shared_.self.public_key, random) {
  shared_.jobs.reserve(PacketBatch::packets_max);
  run_.counters.reserve(PacketBatch::packets_max);
}

Interface::~Interface() = default;

Interface::Entry* Interface::find(PeerId peer) {
  const auto found = peers_.find(peer.value);
  return found == peers_.end() ? nullptr : found->second.get();
}

const Interface::Entry* Interface::find(PeerId peer) const {
  const auto found = peers_.find(peer.value);
  return found == peers_.end() ? nullptr : found->second.get();
}

Interface::Entry* Interface::find(SessionIndex receiver) {
  const auto peer = shared_.indices.find(receiver);
  return peer ? find(*peer) : nullptr;
}

Result<PeerId, AddPeerError> Interface::add_peer(const crypto::NodePublicKey& key,
                                                 const std::vector<Prefix>& allowed_ips, Instant now) {
  if (by_key_.contains(key)) return failure(AddPeerError::already_added);
  if (key == public_key()) return failure(AddPeerError::own_key);
  if (peers_.size() == peers_max) return failure(AddPeerError::too_many_peers);
  auto remote = RemoteIdentity::make(shared_.self, key);
  if (!remote) return failure(AddPeerError::low_order_key);

  const PeerId id{next_id_++};
  Entry& entry = *peers_.emplace(id.value, std::make_unique<Entry>(Peer(id, *std::move(remote), shared_), std::nullopt))
                      .first->second;
  by_key_.emplace(key, id);
  allowed_ips_.assign(id, allowed_ips);
  if (auto held = held_.take(key, now)) {
    if (const auto reason = entry.peer.accept(held->initiation, held->timestamp, held->from, now)) drop(*reason);
  }
  schedule(entry);
  return id;
}

void Interface::set_allowed_ips(PeerId peer, const std::vector<Prefix>& allowed_ips) {
  if (find(peer) != nullptr) allowed_ips_.assign(peer, allowed_ips);
}

void Interface::remove_peer(PeerId peer) {
  const Entry* entry = find(peer);
  if (entry == nullptr) return;
  if (entry->scheduled) deadlines_.erase({*entry->scheduled, peer});
  by_key_.erase(entry->peer.remote().public_key);
  allowed_ips_.remove(peer);
  shared_.outbox.forget(peer);
  peers_.erase(peer.value);
}

std::optional<PeerId> Interface::find_peer(const crypto::NodePublicKey& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

std::optional<PeerId> Interface::find_peer(const IpAddress& inner) const {
  return allowed_ips_.find(inner);
}

Sealed Interface::seal(PeerId peer, PacketBatch& batch, std::size_t first, std::size_t count, Instant now) {
  Entry* entry = find(peer);
  if (entry == nullptr) return Sealed::no_such_peer;
  const bool ready = entry->peer.seal(batch, first, count, now);
  schedule(*entry);
  return ready ? Sealed::ready : Sealed::staged;
}

void Interface::start_handshake(PeerId peer, Instant now) {
  Entry* entry = find(peer);
  if (entry == nullptr) return;
  entry->peer.want_handshake(now);
  schedule(*entry);
}

void Interface::reset_session(PeerId peer, Instant older_than, Instant now) {
  Entry* entry = find(peer);
  if (entry == nullptr) return;
  entry->peer.reset_session(older_than, now);
  schedule(*entry);
}

void Interface::handle_timeout(Instant now) {
  // A peer's due timers are taken and set anew later than now, so this ends.
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Entry& entry = *find(deadlines_.begin()->second);
    entry.peer.handle_timeout(now);
    schedule(entry);
  }
}

std::optional<Instant> Interface::poll_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

void Interface::schedule(Entry& entry) {
  const std::optional<Instant> next = entry.peer.poll_timeout();
  if (next == entry.scheduled) return;
  const PeerId id = entry.peer.id();
  if (entry.scheduled && next) {
    auto node = deadlines_.extract({*entry.scheduled, id});  // moved, not freed and allocated anew
    node.value() = {*next, id};
    deadlines_.insert(std::move(node));
  } else if (next) {
    deadlines_.insert({*next, id});
  } else {
    deadlines_.erase({*entry.scheduled, id});
  }
  entry.scheduled = next;
}

bool Interface::has_session(PeerId peer, Instant now) const {
  const Entry* entry = find(peer);
  return entry != nullptr && entry->peer.has_session(now);
}

std::optional<PeerStatistics> Interface::statistics(PeerId peer) const {
  const Entry* entry = find(peer);
  if (entry == nullptr) return std::nullopt;
  return entry->peer.statistics();
}

}  // namespace quoin::wireguard
