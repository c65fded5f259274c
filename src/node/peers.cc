#include "node/peers.h"

#include <algorithm>
#include <utility>

namespace quoin::node {
namespace {

std::vector<IpAddress> single_addresses(const std::vector<Prefix>& prefixes) {
  std::vector<IpAddress> addresses;
  for (const Prefix& prefix : prefixes) {
    if (prefix.is_host()) addresses.push_back(prefix.network());
  }
  return addresses;
}

std::vector<Prefix> as_prefixes(const std::vector<IpAddress>& addresses) {
  std::vector<Prefix> prefixes;
  for (const IpAddress& address : addresses) prefixes.push_back(Prefix::host(address));
  return prefixes;
}

path::PeerInfo path_info(const control::Peer& peer) {
  const bool is_region = peer.home_region > 0 && peer.home_region <= 65'535;
  return {peer.disco_key, static_cast<path::RegionId>(is_region ? peer.home_region : 0), peer.endpoints};
}

}  // namespace

Peers::Peers(wireguard::Interface& wireguard, path::Paths& paths, Outbox& outbox)
    : wireguard_(wireguard), paths_(paths), outbox_(outbox) {}

void Peers::handle_change(const control::Netmap& netmap, const control::NetmapChange& change, WallTime wall,
                          Instant now) {
  for (const control::NodeId id : change.peers.removed) forget(id, now);
  for (const control::NodeId id : change.peers.changed) update(netmap, id, wall, now);
  for (const control::NodeId id : change.peers.added) update(netmap, id, wall, now);
}

void Peers::handle_expiry(const control::Netmap& netmap, WallTime wall, Instant now) {
  std::vector<control::NodeId> ids;
  for (const auto& [id, key] : keys_) ids.push_back(id);
  for (const control::NodeId id : ids) update(netmap, id, wall, now);
}

void Peers::update(const control::Netmap& netmap, control::NodeId id, WallTime wall, Instant now) {
  const control::Peer* peer = netmap.peer(id);
  const auto expires = peer ? netmap.expires_at(*peer, wall, now) : std::nullopt;
  const bool is_usable =
      peer && !peer->key.is_zero() && !peer->jailed && !peer->wireguard_only && !(expires && *expires <= now);
  if (!is_usable) {
    forget(id, now);
    return;
  }
  if (const auto known = keys_.find(id); known != keys_.end() && known->second != peer->key) forget(id, now);
  // Whose node it is may be told later than the node itself; a node of nobody is not asked about.
  if (!peer->tagged() && peer->login.empty()) return;

  auto entry = entries_.find(peer->key);
  if (entry != entries_.end() && entry->second.id != id) return;  // two nodes under one key: the first one stays
  const bool is_new = entry == entries_.end();
  if (is_new) {
    if (entries_.size() >= peers_max) return;
    entry = entries_.try_emplace(peer->key).first;
    entry->second.id = id;
    keys_[id] = peer->key;
  }
  Entry& mine = entry->second;
  const bool is_other_person = !is_new && (mine.login != peer->login || mine.tagged != peer->tagged());
  if (is_other_person) leave(mine, peer->key, now);
  mine.expires = expires;
  refresh(mine, peer->key, *peer, now);
  if (is_new || is_other_person) {
    mine.standing = Standing::asked;
    ask_about(mine, peer->key);
  }
}

void Peers::refresh(Entry& entry, const crypto::NodePublicKey& key, const control::Peer& peer, Instant now) {
  const path::PeerInfo before = std::exchange(entry.info, path_info(peer));
  if (entry.info.disco_key.is_zero()) entry.info.disco_key = before.disco_key;  // not told: the earlier one stays
  entry.login = peer.login;
  entry.tagged = peer.tagged();
  std::vector<IpAddress> addresses = single_addresses(peer.addresses);
  const bool moved = addresses != entry.addresses;
  if (!entry.peer) {
    entry.addresses = std::move(addresses);
    return;
  }
  if (moved) {
    std::vector<IpAddress> left = held_by(key, entry);
    release(key);
    entry.addresses = std::move(addresses);
    hold(entry, key);
    wireguard_.set_allowed_ips(*entry.peer, as_prefixes(held_by(key, entry)));
    std::erase_if(left, [&](const IpAddress& address) {
      return std::ranges::find(entry.addresses, address) != entry.addresses.end();
    });
    outbox_.addresses_lost(left);
  }
  paths_.set_peer(key, entry.info, now);
  const bool restarted =
      !before.disco_key.is_zero() && !entry.info.disco_key.is_zero() && before.disco_key != entry.info.disco_key;
  if (restarted) wireguard_.reset_session(*entry.peer, now - fresh_session, now);
}

void Peers::admit(const crypto::NodePublicKey& key, bool admitted, Instant now) {
  const auto entry = entries_.find(key);
  // While a question waits, an answer is to an earlier one, about another person.
  if (entry == entries_.end() || entry->second.question) return;
  if (admitted) {
    join(entry->second, key, now);
  } else {
    leave(entry->second, key, now);
    entry->second.standing = Standing::refused;
  }
}

void Peers::join(Entry& entry, const crypto::NodePublicKey& key, Instant now) {
  if (entry.peer || !paths_.set_peer(key, entry.info, now)) return;
  hold(entry, key);
  const auto peer = wireguard_.add_peer(key, as_prefixes(held_by(key, entry)), now);
  if (!peer) {  // a key that no session can be made with
    release(key);
    paths_.remove_peer(key, now);
    return;
  }
  entry.standing = Standing::admitted;
  entry.peer = *peer;
  by_peer_.emplace(*entry.peer, key);
}

void Peers::leave(Entry& entry, const crypto::NodePublicKey& key, Instant now) {
  if (!entry.peer) return;
  wireguard_.remove_peer(*entry.peer);
  by_peer_.erase(*entry.peer);
  entry.peer.reset();
  paths_.remove_peer(key, now);
  outbox_.addresses_lost(held_by(key, entry));
  release(key);
}

void Peers::ask_about(Entry& entry, const crypto::NodePublicKey& key) {
  if (entry.question) return;
  entry.question = ++last_turn_;
  questions_.emplace(*entry.question, key);
}

void Peers::do_not_ask_about(Entry& entry) {
  if (entry.question) questions_.erase(*entry.question);
  entry.question.reset();
}

std::optional<WantAdmission> Peers::take_question() {
  if (questions_.empty()) return std::nullopt;
  const crypto::NodePublicKey key = questions_.begin()->second;
  Entry& entry = entries_.at(key);
  do_not_ask_about(entry);
  return WantAdmission{key, entry.login, entry.tagged};
}

std::vector<IpAddress> Peers::held_by(const crypto::NodePublicKey& key, const Entry& entry) const {
  std::vector<IpAddress> held;
  for (const IpAddress& address : entry.addresses) {
    if (key_at(address) == key) held.push_back(address);
  }
  return held;
}

void Peers::hold(Entry& entry, const crypto::NodePublicKey& key) {
  for (const IpAddress& address : entry.addresses) by_address_.emplace(address, key);
}

void Peers::release(const crypto::NodePublicKey& key) {
  std::erase_if(by_address_, [&](const auto& item) { return item.second == key; });
}

void Peers::forget(control::NodeId id, Instant now) {
  const auto key = keys_.find(id);
  if (key == keys_.end()) return;
  const auto entry = entries_.find(key->second);
  if (entry != entries_.end()) {
    leave(entry->second, entry->first, now);
    do_not_ask_about(entry->second);
    entries_.erase(entry);
  }
  keys_.erase(key);
}

void Peers::remove_all(Instant now) {
  while (!keys_.empty()) forget(keys_.begin()->first, now);
}

std::optional<wireguard::PeerId> Peers::peer_at(const IpAddress& address) const {
  const auto key = by_address_.find(address);
  return key == by_address_.end() ? std::nullopt : entries_.at(key->second).peer;
}

std::optional<crypto::NodePublicKey> Peers::key_at(const IpAddress& address) const {
  const auto key = by_address_.find(address);
  if (key == by_address_.end()) return std::nullopt;
  return key->second;
}

const crypto::NodePublicKey* Peers::key_of(wireguard::PeerId peer) const {
  const auto found = by_peer_.find(peer);
  return found == by_peer_.end() ? nullptr : &found->second;
}

std::optional<wireguard::PeerId> Peers::peer_of(const crypto::NodePublicKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : found->second.peer;
}

std::string Peers::login_of(const crypto::NodePublicKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? "" : found->second.login;
}

std::optional<Instant> Peers::next_expiry() const {
  std::optional<Instant> next;
  for (const auto& [key, entry] : entries_) {
    if (entry.expires && (!next || *entry.expires < *next)) next = entry.expires;
  }
  return next;
}

}  // namespace quoin::node
