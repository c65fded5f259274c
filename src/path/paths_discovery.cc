// Paths: what disco's messages do, and when we send them.

#include <algorithm>

#include "disco/envelope.h"
#include "path/paths.h"

namespace quoin::path {

// ---- what arrives

void Paths::handle_disco(const Place& from, Bytes datagram, Instant now) {
  const auto envelope = disco::parse_envelope(datagram);
  if (!envelope) {
    counters_.malformed++;
    return;
  }
  // What we could not answer is not looked at: an address that must get no packet from us.
  const auto* endpoint = std::get_if<Endpoint>(&from);
  if (endpoint != nullptr && !guard_.allows(*endpoint, EndpointUse::peer)) {
    counters_.sources_refused++;
    return;
  }
  // Through a relay the sender is known twice: the relay says who it is, and its disco key must be that node's.
  std::vector<PeerEntry*> senders = with_disco_key(envelope->sender);
  const auto* relay = std::get_if<ViaRelay>(&from);
  if (relay != nullptr) std::erase_if(senders, [&](PeerEntry* entry) { return entry->first != relay->peer; });
  if (senders.empty()) {
    counters_.unknown_senders++;
    return;
  }
  const auto payload = senders.front()->second.box->open(envelope->box);
  if (!payload) {
    counters_.not_authentic++;
    return;
  }
  const auto message = disco::parse(*payload);
  if (!message) {
    counters_.malformed++;
    return;
  }
  if (relay != nullptr) note_received_through(relay->region, relay->peer, now);
  if (const auto* ping = std::get_if<disco::Ping>(&*message)) {
    handle_ping(from, senders, *ping, now);
  } else if (const auto* pong = std::get_if<disco::Pong>(&*message)) {
    handle_pong(senders, *pong, now);
  } else if (const auto* call_me_maybe = std::get_if<disco::CallMeMaybe>(&*message)) {
    if (relay == nullptr) {
      counters_.call_me_maybe_misplaced++;
    } else {
      handle_call_me_maybe(*senders.front(), *call_me_maybe, now);
    }
  } else {
    counters_.ignored_types++;
  }
  settle(now);
}

void Paths::handle_ping(const Place& from, std::span<PeerEntry* const> senders, const disco::Ping& ping, Instant now) {
  // One disco key may serve several nodes (a node shared between tailnets); the ping says which one asks.
  PeerEntry* sender = senders.size() == 1 ? senders.front() : nullptr;
  if (ping.node_key) {
    const auto named = std::ranges::find(senders, *ping.node_key, [](PeerEntry* entry) { return entry->first; });
    if (named == senders.end()) {
      counters_.unknown_senders++;
      return;
    }
    sender = *named;
  }
  const auto* endpoint = std::get_if<Endpoint>(&from);
  if (endpoint == nullptr) {
    const auto& relay = std::get<ViaRelay>(from);
    const disco::Pong pong{.transaction = ping.transaction, .source = disco::relay_pseudo_endpoint(relay.region)};
    send_disco(from, senders.front()->second, disco::encode(pong));
    return;
  }
  if (sender != nullptr && !sender->second.path.note_ping_received(*endpoint, ping.transaction, now)) {
    counters_.duplicate_pings++;
    return;
  }
  if (sender != nullptr && !sender->second.path.may_answer(*endpoint, ping, now)) {
    counters_.pings_held++;
  } else {
    const disco::Pong pong{.transaction = ping.transaction, .source = *endpoint};
    send_disco(*endpoint, senders.front()->second, disco::encode(pong));
  }
  // The peer is looking for us; the same way may be ours to it. Our answer to what it sends next is then direct.
  if (sender != nullptr && sender->second.path.take_ping_back(*endpoint, now)) {
    this->ping(*sender, *endpoint, PeerPath::Size::small, now);
  }
}

void Paths::handle_pong(std::span<PeerEntry* const> senders, const disco::Pong& pong, Instant now) {
  for (PeerEntry* sender : senders) {
    if (!sender->second.path.handle_pong(pong.transaction, now)) continue;
    send_what_is_due(*sender, now);
    show_path(*sender, now);
    return;
  }
  counters_.unexpected_pongs++;
}

void Paths::handle_call_me_maybe(PeerEntry& sender, const disco::CallMeMaybe& message, Instant now) {
  PeerPath& path = sender.second.path;
  path.set_call_me_maybe_endpoints(guarded(message.endpoints), now);
  path.make_all_due(now);
  for (const Endpoint& endpoint : path.take_due(now)) ping(sender, endpoint, PeerPath::Size::small, now);
  show_path(sender, now);
}

void Paths::handle_stun(const Endpoint&, Bytes datagram, Instant now) {
  if (const auto answer = stun_.handle(datagram, now)) {
    home_.note_latency(answer->region, answer->latency, now);
  } else {
    counters_.unexpected_stun++;
  }
  settle(now);
}

// ---- what we send

void Paths::discover(PeerEntry& entry, Instant now) {
  Peer& peer = entry.second;
  if (!peer.box) return;
  bool has_pinged = false;
  const std::vector<Endpoint> due = peer.path.take_due(now);
  for (const Endpoint& endpoint : due) {
    if (!can_send_to(endpoint)) continue;
    ping(entry, endpoint, PeerPath::Size::small, now);
    has_pinged = true;
  }
  // A peer that has no address for us to ping may still reach ours.
  const bool is_blind = peer.path.candidates() == 0 || (!due.empty() && !has_pinged);
  if (!has_pinged && !is_blind) return;
  const Duration interval = has_pinged ? call_me_maybe_interval_min : call_me_maybe_interval_blind;
  if (peer.call_me_maybe_wanted && now - *peer.call_me_maybe_wanted < interval) return;
  peer.call_me_maybe_wanted = now;
  call_me_maybe(entry, now);
}

void Paths::ping(PeerEntry& entry, const Endpoint& to, PeerPath::Size size, Instant now) {
  Peer& peer = entry.second;
  if (!peer.box || !can_send_to(to) || !peer.path.may_ping()) return;
  send_disco(to, peer, note_ping(entry, to, size, now));
}

// Each of ours is padded, a small one by a byte, which tells a node like ours that we judge sizes by ourselves.
Buffer Paths::note_ping(PeerEntry& entry, const Endpoint& to, PeerPath::Size size, Instant now) {
  disco::Ping ping{.transaction = random_.array<disco::transaction_bytes>(), .node_key = own_node_key_};
  entry.second.path.note_ping_sent(ping.transaction, to, size, now);
  if (entry.second.path.may_pad()) {
    ping.padding_bytes = size == PeerPath::Size::full ? full_size_bytes - disco::whole_ping_bytes : 1;
  }
  return disco::encode(ping);
}

void Paths::send_what_is_due(PeerEntry& entry, Instant now) {
  while (const auto to = entry.second.path.take_size_probe()) ping(entry, *to, PeerPath::Size::full, now);
  if (const auto answer = entry.second.path.take_answer(now)) {
    const disco::Pong pong{.transaction = answer->transaction, .source = answer->to};
    send_disco(answer->to, entry.second, disco::encode(pong));
  }
}

// Endpoints older than a NAT keeps a mapping would make the peer ping in vain: ask STUN first, then send.
void Paths::call_me_maybe(PeerEntry& entry, Instant now) {
  if (stun_.is_fresh(now)) {
    send_call_me_maybe(entry, now);
  } else if (families_.ipv4 || families_.ipv6) {
    entry.second.call_me_maybe_waits = true;
    stun_.want_report(now);
  }
}

void Paths::send_call_me_maybe(PeerEntry& entry, Instant now) {
  entry.second.call_me_maybe_waits = false;
  const auto region = relay_of(entry);
  if (!region) return;
  relays_.note_use(*region, now);
  const disco::CallMeMaybe message{stun_.own_endpoints()};
  send_disco(ViaRelay{.region = *region, .peer = entry.first}, entry.second, disco::encode(message));
}

void Paths::send_waiting_call_me_maybes(Instant now) {
  for (PeerEntry& entry : peers_) {
    if (entry.second.call_me_maybe_waits) send_call_me_maybe(entry, now);
  }
}

void Paths::send_disco(const Place& to, const Peer& peer, Bytes payload) {
  const auto* endpoint = std::get_if<Endpoint>(&to);
  transmit({.to = to,
            .datagram = disco::seal(own_disco_key_, *peer.box, payload, random_),
            .origin = endpoint != nullptr ? peer.path.origin_of(*endpoint) : Origin::named},
           EndpointUse::peer);
}

}  // namespace quoin::path
