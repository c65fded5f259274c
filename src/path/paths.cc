#include "path/paths.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace quoin::path {
namespace {

void lower(std::optional<Instant>& to, std::optional<Instant> other) {
  if (other) to = to ? std::min(*to, *other) : *other;
}

}  // namespace

Paths::Paths(crypto::DiscoPrivateKey disco_key, crypto::NodePublicKey own_node_key, EndpointGuard guard, Random& random,
             Instant now)
    : disco_key_(std::move(disco_key)),
      own_disco_key_(disco_key_.public_key()),
      own_node_key_(own_node_key),
      guard_(std::move(guard)),
      random_(random),
      stun_(random) {
  settle(now);
}

// ---- what the host says

void Paths::set_sockets(UdpFamilies families, Instant now) {
  families_ = families;
  stun_.set_families(families.ipv4, families.ipv6);
  stun_.want_report(now);
  for (PeerEntry& entry : peers_) {
    entry.second.path.forget_proofs();
    if (entry.second.path.is_active(now)) discover(entry, now);
    show_path(entry, now);
  }
  settle(now);
}

void Paths::set_own_prefixes(std::vector<Prefix> prefixes, Instant now) {
  guard_.set_own_prefixes(std::move(prefixes));
  for (PeerEntry& entry : peers_) {
    entry.second.path.remove_if([&](const Endpoint& endpoint) { return !guard_.allows(endpoint, EndpointUse::peer); });
    show_path(entry, now);
  }
  settle(now);
}

// ---- what control says

bool Paths::set_peer(const crypto::NodePublicKey& key, const PeerInfo& info, Instant now) {
  if (peers_.size() >= peers_max && !peers_.contains(key)) return false;
  PeerEntry& entry = *peers_.try_emplace(key, Peer{.path = PeerPath(probes_sizes_)}).first;
  Peer& peer = entry.second;
  peer.home_region = info.home_region;
  peer.path.set_map_endpoints(guarded(info.endpoints), now);

  bool has_restarted = false;
  if (!info.disco_key.is_zero() && info.disco_key != peer.disco_key) {
    has_restarted = !peer.disco_key.is_zero();
    peer.disco_key = info.disco_key;
    peer.box = crypto::BoxKey::between(disco_key_.secret_bytes(), info.disco_key.bytes());
    if (has_restarted) peer.path.forget_proofs();
  }
  if (has_restarted || (peer.path.is_active(now) && peer.path.wants_discovery(now))) discover(entry, now);
  show_path(entry, now);
  settle(now);
  return true;
}

void Paths::remove_peer(const crypto::NodePublicKey& key, Instant now) {
  const auto entry = peers_.find(key);
  if (entry == peers_.end()) return;
  if (entry->second.shown != PathKind(NoPath{})) emit(PathChanged{.peer = key, .path = NoPath{}});
  peers_.erase(entry);
  settle(now);
}

void Paths::set_relay_map(const RelayMap& map, Instant now) {
  // A server named by an address that we must not send to is none; its host name does not come in instead.
  RelayMap usable = map;
  for (Region& region : usable) {
    if (!region.stun || (!region.stun->ipv4 && !region.stun->ipv6)) continue;
    for (auto* address : {&region.stun->ipv4, &region.stun->ipv6}) {
      if (!*address || guard_.allows({**address, region.stun->port}, EndpointUse::relay_or_stun)) continue;
      counters_.endpoints_refused++;
      address->reset();
    }
    if (!region.stun->ipv4 && !region.stun->ipv6) region.stun.reset();
  }
  stun_.set_map(usable);
  home_.set_map(usable, now);
  relays_.set_map(usable, now);
  stun_.want_report(now);
  settle(now);
  show_all_paths(now);
}

void Paths::set_control_connected(bool connected, Instant now) {
  home_.set_control_connected(connected);
  settle(now);
}

void Paths::set_stun_addresses(RegionId region, const std::vector<Endpoint>& addresses, Instant now) {
  std::vector<Endpoint> usable;
  for (const Endpoint& address : addresses) {
    if (guard_.allows(address, EndpointUse::relay_or_stun)) {
      usable.push_back(address);
    } else {
      counters_.endpoints_refused++;
    }
  }
  stun_.set_addresses(region, usable, now);
  settle(now);
}

// ---- relays

void Paths::relay_connected(RegionId region, Instant now) {
  relays_.connected(region);
  home_.relay_connected(region);
  show_all_paths(now);
  settle(now);
}

void Paths::relay_disconnected(RegionId region, Instant now) {
  relays_.disconnected(region);
  home_.relay_disconnected(region, now);
  forget_region(region, now);
  stun_.want_report(now);
  settle(now);
}

void Paths::note_received_through(RegionId region, const crypto::NodePublicKey& key, Instant now) {
  PeerEntry* entry = find(key);
  if (entry == nullptr) return;
  relays_.note_use(region, now);
  if (entry->second.learned_region == region) return;
  entry->second.learned_region = region;
  show_path(*entry, now);
  settle(now);
}

void Paths::handle_peer_gone(RegionId region, const crypto::NodePublicKey& key, Instant now) {
  PeerEntry* entry = find(key);
  if (entry == nullptr || entry->second.learned_region != region) return;
  entry->second.learned_region.reset();
  show_path(*entry, now);
  settle(now);
}

void Paths::forget_region(RegionId region, Instant now) {
  for (PeerEntry& entry : peers_) {
    if (entry.second.learned_region == region) entry.second.learned_region.reset();
    show_path(entry, now);
  }
}

// The peer's home once that relay is connected; until then where it was last seen; else its home, to be connected.
std::optional<RegionId> Paths::relay_of(const PeerEntry& entry) const {
  const RegionId home = entry.second.home_region;
  const auto& learned = entry.second.learned_region;
  if (relays_.is_connected(home)) return home;
  if (learned && relays_.is_connected(*learned)) return learned;
  if (relays_.may_use(home)) return home;
  return std::nullopt;
}

// ---- what leaves

Route Paths::route(const crypto::NodePublicKey& key, Instant now) const {
  const PeerEntry* entry = find(key);
  if (entry == nullptr) return {};
  Route route;
  const PeerPath& path = entry->second.path;
  if (!path.is_proven(now)) route.relay = relay_of(*entry);
  // Where there is no relay, what is small gets through directly all the same.
  const bool is_relayed = route.relay && relays_.is_connected(*route.relay);
  if (path.best() && (path.is_usable(now) || !is_relayed)) route.direct = path.best()->endpoint;
  return route;
}

void Paths::note_sent(const crypto::NodePublicKey& key, Instant now) {
  PeerEntry* entry = find(key);
  if (entry == nullptr) return;
  PeerPath& path = entry->second.path;
  path.note_sent(now);
  stun_.note_traffic(now);
  if (!path.is_proven(now)) {
    if (const auto region = relay_of(*entry)) relays_.note_use(*region, now);
    // Packets go through wherever the peer was seen while the way through its home is being made.
    if (relays_.may_use(entry->second.home_region)) relays_.note_use(entry->second.home_region, now);
    if (path.wants_discovery(now)) discover(*entry, now);
    show_path(*entry, now);
  }
  settle(now);
}

void Paths::note_received_directly(const crypto::NodePublicKey& key, std::size_t largest_bytes, Instant now) {
  if (PeerEntry* entry = find(key)) entry->second.path.note_received(largest_bytes, now);
}

void Paths::note_missing(const crypto::NodePublicKey& key, Instant since, bool certain, Instant now) {
  PeerEntry* entry = find(key);
  if (entry == nullptr) return;
  entry->second.path.note_missing(since, certain, now);
  show_path(*entry, now);
}

void Paths::note_unreachable(const Endpoint& endpoint, Instant now) {
  for (PeerEntry& entry : peers_) {
    entry.second.path.note_unreachable(endpoint);
    show_path(entry, now);
  }
  settle(now);
}

void Paths::transmit(Transmit transmit, EndpointUse use) {
  if (transmits_.size() >= transmits_waiting_max) {
    counters_.transmits_dropped++;
    return;
  }
  if (const auto* relay = std::get_if<ViaRelay>(&transmit.to); relay == nullptr || relay->region != 0) {
    transmits_.push_back({.transmit = std::move(transmit), .use = use});
  }
}

// Every datagram for UDP passes the guard here once more, as the last thing before it leaves: the host's own networks
// may have changed since its address was accepted.
std::optional<Transmit> Paths::poll_transmit() {
  while (!transmits_.empty()) {
    Waiting waiting = std::move(transmits_.front());
    transmits_.pop_front();
    const auto* endpoint = std::get_if<Endpoint>(&waiting.transmit.to);
    if (endpoint == nullptr) return std::move(waiting.transmit);
    if (guard_.allows(*endpoint, waiting.use) && can_send_to(*endpoint)) return std::move(waiting.transmit);
    counters_.transmits_dropped++;
  }
  return std::nullopt;
}

std::optional<Event> Paths::poll_event() {
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

// ---- time

std::optional<Instant> Paths::poll_timeout() const {
  std::optional<Instant> next = stun_.next_timeout();
  lower(next, home_.next_timeout());
  lower(next, relays_.next_timeout());
  for (const PeerEntry& entry : peers_) lower(next, entry.second.path.next_timeout());
  return next;
}

void Paths::handle_timeout(Instant now) {
  for (PeerEntry& entry : peers_) {
    PeerPath& path = entry.second.path;
    if (path.handle_timeout(now)) {
      if (const auto to = path.take_heartbeat()) ping(entry, *to, PeerPath::Size::small, now);
      if (path.wants_discovery(now)) discover(entry, now);
    }
    send_what_is_due(entry, now);
    show_path(entry, now);
  }
  stun_.handle_timeout(now);
  home_.handle_timeout(now);
  relays_.handle_timeout(now);
  settle(now);
}

// ---- to be seen

std::optional<Duration> Paths::direct_latency(const crypto::NodePublicKey& key) const {
  const PeerEntry* entry = find(key);
  if (entry == nullptr || !entry->second.path.best()) return std::nullopt;
  return entry->second.path.best()->latency;
}

void Paths::show_path(PeerEntry& entry, Instant now) {
  PathKind path = NoPath{};
  const auto relay = relay_of(entry);
  const PeerPath& direct = entry.second.path;
  if (direct.is_usable(now)) {
    path = DirectPath{direct.best()->endpoint};
  } else if (relay && relays_.is_connected(*relay)) {
    path = RelayPath{.region = *relay, .direct_is_too_narrow = direct.is_too_narrow(now)};
  }
  if (path == entry.second.shown) return;
  entry.second.shown = path;
  emit(PathChanged{.peer = entry.first, .path = path});
}

void Paths::show_all_paths(Instant now) {
  for (PeerEntry& entry : peers_) show_path(entry, now);
}

void Paths::emit(Event event) {
  assert(events_.size() < events_waiting_max);  // the owner drains after each call
  events_.push_back(std::move(event));
}

// ---- what follows

void Paths::settle(Instant now) {
  settle_stun(now);
  settle_relays(now);
}

void Paths::settle_stun(Instant now) {
  if (stun_.report_is_due(now)) {
    std::vector<RegionId> preferred;
    if (home_.region()) preferred.push_back(*home_.region());
    if (const auto fastest = home_.fastest_other()) preferred.push_back(*fastest);
    stun_.start_report(preferred, now);
  }
  while (auto question = stun_.poll_question()) {
    emit(ResolveStun{.region = question->region, .host = std::move(question->host), .port = question->port});
  }
  while (auto probe = stun_.poll_probe(now)) {
    transmit({.to = probe->to, .datagram = std::move(probe->datagram)}, EndpointUse::relay_or_stun);
  }
  if (stun_.poll_endpoints_changed()) emit(OwnEndpointsChanged{stun_.own_endpoints()});
  if (stun_.is_fresh(now)) send_waiting_call_me_maybes(now);
  if (stun_.poll_report_done()) {
    home_.note_report_done(now);
    for (PeerEntry& entry : peers_) entry.second.call_me_maybe_waits = false;  // there are no fresh endpoints
  }
}

void Paths::settle_relays(Instant now) {
  if (home_.region() != home_told_) {
    relays_.set_home(home_.region(), now);
    if (home_.region()) emit(HomeRegionChanged{.region = *home_.region(), .before = home_told_});
    home_told_ = home_.region();
  }
  while (const auto change = relays_.poll_change()) {
    if (change->needed) {
      emit(NeedRelay{change->region});
    } else {
      home_.relay_disconnected(change->region, now);
      emit(RelayIdle{change->region});
      forget_region(change->region, now);
    }
  }
}

// ---- looking up

Paths::PeerEntry* Paths::find(const crypto::NodePublicKey& key) {
  const auto entry = peers_.find(key);
  return entry == peers_.end() ? nullptr : &*entry;
}

const Paths::PeerEntry* Paths::find(const crypto::NodePublicKey& key) const {
  const auto entry = peers_.find(key);
  return entry == peers_.end() ? nullptr : &*entry;
}

std::vector<Paths::PeerEntry*> Paths::with_disco_key(const crypto::DiscoPublicKey& key) {
  std::vector<PeerEntry*> out;
  for (PeerEntry& entry : peers_) {
    if (entry.second.box && entry.second.disco_key == key) out.push_back(&entry);
  }
  return out;
}

std::vector<Endpoint> Paths::guarded(const std::vector<Endpoint>& endpoints) {
  std::vector<Endpoint> out;
  for (const Endpoint& endpoint : endpoints) {
    if (guard_.allows(endpoint, EndpointUse::peer)) {
      out.push_back(endpoint);
    } else {
      counters_.endpoints_refused++;
    }
  }
  return out;
}

bool Paths::can_send_to(const Endpoint& endpoint) const {
  return endpoint.address.is_v4() ? families_.ipv4 : families_.ipv6;
}

}  // namespace quoin::path
