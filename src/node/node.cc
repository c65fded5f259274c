#include "node/node.h"

#include <algorithm>
#include <utility>

namespace quoin::node {
namespace {

constexpr std::size_t control_space_bytes = 16 * 1024;

control::ClientConfig client_config(const NodeConfig& config, crypto::MachinePrivateKey machine,
                                    const crypto::NodePublicKey& node, const crypto::DiscoPublicKey& disco) {
  return {.machine_key = std::move(machine),
          .node_key = node,
          .disco_key = disco,
          .authority = config.control_authority,
          .hostname = config.hostname,
          .server_key = config.server_key};
}

}  // namespace

Node::Node(NodeConfig config, Random& random, Instant now, WallTime wall)
    : random_(random),
      started_(now),
      started_wall_(wall),
      node_private_(crypto::NodePrivateKey::generate(random)),
      node_key_(node_private_.public_key()),
      guard_(config.own_prefixes, config.allowed_private),
      paths_(crypto::DiscoPrivateKey::generate(random), node_key_, guard_, random, now),
      wireguard_(node_private_.copy(), random, now, wall),
      relays_(node_private_.copy(), outbox_, random),
      control_(client_config(config, crypto::MachinePrivateKey::generate(random), node_key_, paths_.own_disco_key()),
               random, now),
      peers_(wireguard_, paths_, outbox_),
      control_space_(control_space_bytes) {
  if (!config.probes_sizes) paths_.probe_no_sizes();
  paths_.set_control_connected(false, now);
  settle(now);
}

void Node::set_sockets(path::UdpFamilies families, Instant now) {
  if (is_logging_out_) return;
  paths_.set_sockets(families, now);
  check_connections(now);
  settle(now);
}

void Node::check_connections(Instant now) {
  relays_.check(now);
  control_.check_connection(now);
}

void Node::set_own_prefixes(std::vector<Prefix> prefixes, Instant now) {
  guard_.set_own_prefixes(prefixes);
  paths_.set_own_prefixes(std::move(prefixes), now);
  settle(now);
}

void Node::provide_join_key(std::string_view key, Instant now) {
  control_.provide_join_key(key, now);
  settle(now);
}

void Node::admit(const crypto::NodePublicKey& key, bool admitted, Instant now) {
  if (!is_logging_out_) peers_.admit(key, admitted, now);
  settle(now);
}

void Node::set_stun_addresses(path::RegionId region, const std::vector<Endpoint>& addresses, Instant now) {
  paths_.set_stun_addresses(region, addresses, now);
  settle(now);
}

void Node::log_out(Instant now) {
  is_logging_out_ = true;
  peers_.remove_all(now);
  paths_.set_sockets({}, now);
  relays_.drop_all();
  small_.clear();
  runs_.clear();
  runs_taken_ = 0;
  control_.log_out(now);
  settle(now);
}

// ---- streams
// ------------------------------------------------------------------------------------------------------------

std::optional<Buffer> Node::control_handshake(StreamId stream, const crypto::MachinePublicKey& server_key,
                                              Instant now) {
  if (!is_control(stream)) return std::nullopt;
  auto initiation = control_.connection_opened(server_key, now);
  settle(now);
  return initiation;
}

void Node::stream_opened(StreamId stream, Instant now) {
  if (is_control(stream)) {
    control_.upgraded(now);
  } else {
    relays_.opened(stream, now);
  }
  settle(now);
}

void Node::stream_failed(StreamId stream, const StreamFailure& failure, Instant now) {
  if (!is_control(stream)) {
    relays_.failed(stream, failure, now);
    settle(now);
    return;
  }
  control_stream_ = 0;
  paths_.set_control_connected(false, now);
  switch (failure.trouble) {
    case StreamTrouble::unreachable: outbox_.problem(ProblemKind::control_unreachable, failure.text); break;
    case StreamTrouble::certificate: outbox_.problem(ProblemKind::control_certificate, failure.text); break;
    case StreamTrouble::not_the_server: outbox_.problem(ProblemKind::not_a_control_server, failure.text); break;
    case StreamTrouble::ended: break;
  }
  // The client knows which of the two it is: an attempt that came to nothing, or a connection that broke.
  if (control_.connected()) {
    control_.connection_closed(now);
  } else {
    control_.connection_failed(now);
  }
  settle(now);
}

MutableBytes Node::stream_space(StreamId stream) {
  if (is_control(stream)) return control_space_;
  return relays_.space(stream);
}

void Node::stream_received(StreamId stream, std::size_t bytes, Instant now) {
  packets_.clear();
  opened_.clear();
  if (is_control(stream)) {
    control_.handle_bytes(Bytes(control_space_).first(bytes), now);
  } else {
    relays_.received(stream, bytes, now);
    while (const auto datagram = relays_.poll_datagram()) handle_datagram_of_relay(*datagram, now);
  }
  for (const auto& opened : opened_) packets_.push_back(opened.packet);
  settle(now);
}

void Node::stream_received(StreamId stream, Bytes bytes, Instant now) {
  while (!bytes.empty()) {
    const MutableBytes space = stream_space(stream);
    if (space.empty()) return;
    const std::size_t count = std::min(space.size(), bytes.size());
    std::copy_n(bytes.begin(), count, space.begin());
    bytes = bytes.subspan(count);
    stream_received(stream, count, now);
  }
}

Bytes Node::stream_output(StreamId stream) {
  if (!is_control(stream)) return relays_.output(stream);
  if (control_output_sent_ == control_output_.size()) {
    control_output_ = control_.poll_transmit();
    control_output_sent_ = 0;
  }
  return Bytes(control_output_).subspan(control_output_sent_);
}

void Node::stream_sent(StreamId stream, std::size_t bytes, Instant now) {
  if (is_control(stream)) {
    control_output_sent_ += bytes;
  } else {
    relays_.sent(stream, bytes);
  }
  settle(now);
}

std::vector<StreamId> Node::streams_with_output() {
  std::vector<StreamId> streams = relays_.with_output();
  if (control_stream_ != 0 && control_.connected() && !stream_output(control_stream_).empty())
    streams.push_back(control_stream_);
  return streams;
}

void Node::drop_control() {
  if (control_stream_ == 0) return;
  outbox_.tell(DropStream{control_stream_});
  control_stream_ = 0;
}

// ---- what each part tells the others
// ------------------------------------------------------------------------------------

void Node::settle(Instant now) {
  bool any = true;
  while (any) {
    any = settle_control(now);
    any |= settle_relays(now);
    any |= settle_paths(now);
    any |= settle_wireguard(now);
  }
}

bool Node::settle_control(Instant now) {
  bool any = false;
  while (const auto event = control_.poll_event()) {
    handle(*event, now);
    any = true;
  }
  return any;
}

bool Node::settle_relays(Instant now) {
  bool any = false;
  while (const auto event = relays_.poll_event()) {
    any = true;
    if (std::holds_alternative<RelayLinks::Up>(event->event)) {
      paths_.relay_connected(event->region, now);
      home_may_be_up(now);
    } else if (std::holds_alternative<RelayLinks::Down>(event->event)) {
      paths_.relay_disconnected(event->region, now);
    } else if (const auto* gone = std::get_if<derp::PeerGone>(&event->event)) {
      paths_.handle_peer_gone(event->region, gone->peer, now);
    }
  }
  return any;
}

bool Node::settle_paths(Instant now) {
  bool any = false;
  while (const auto event = paths_.poll_event()) {
    handle(*event, now);
    any = true;
  }
  while (auto transmit = paths_.poll_transmit()) {
    any = true;
    if (const auto* to = std::get_if<Endpoint>(&transmit->to)) {
      if (small_.size() < small_datagrams_max) small_.push_back({*to, std::move(transmit->datagram), transmit->origin});
    } else {
      const auto& relayed = std::get<path::ViaRelay>(transmit->to);
      relays_.send(relayed.region, relayed.peer, transmit->datagram, transmit->datagram.size(), now);
    }
  }
  return any;
}

bool Node::settle_wireguard(Instant now) {
  bool any = false;
  while (wireguard_.poll_event()) any = true;  // who may be a peer is the owner's choice, paths are the path layer's
  while (auto transmit = wireguard_.poll_transmit()) {
    any = true;
    const Bytes datagram = transmit->datagram;
    if (transmit->answer_to && transmit->answer_to->relayed()) {
      const auto& relayed = *transmit->answer_to->relayed();
      relays_.send(relayed.region, relayed.node, datagram, datagram.size(), now);
      continue;
    }
    path::Route route;
    path::Origin origin = path::Origin::named;
    const crypto::NodePublicKey* key = transmit->peer ? peers_.key_of(*transmit->peer) : nullptr;
    if (transmit->answer_to) {
      const Endpoint& from = *transmit->answer_to->udp();
      if (guard_.allows(from, path::EndpointUse::peer)) route.direct = from;
      if (key) {
        // What came directly may find its way back shut: until that way is proven, the answer takes the relay too.
        const path::Route usual = paths_.route(*key, now);
        route.relay = usual.relay;
        if (usual.direct != from) origin = path::Origin::source;
      } else {
        origin = path::Origin::stranger;
      }
    } else if (key) {
      paths_.note_sent(*key, now);
      settle_paths(now);
      route = paths_.route(*key, now);
    }
    if (route.direct && small_.size() < small_datagrams_max) {
      small_.push_back({*route.direct, to_buffer(datagram), origin});
    }
    if (route.relay && key) relays_.send(*route.relay, *key, datagram, datagram.size(), now);
    if (!route.direct && !route.relay) counters_.no_route++;
  }
  return any;
}

// Where others should send to us is published once something that they send there arrives.
std::optional<Instant> Node::last_heard(const crypto::NodePublicKey& peer) const {
  const auto id = peers_.peer_of(peer);
  const auto statistics = id ? wireguard_.statistics(*id) : std::nullopt;
  return statistics ? statistics->last_received : std::nullopt;
}

void Node::home_may_be_up(Instant now) {
  const auto home = paths_.home_region();
  if (!home || !relays_.is_up(*home)) return;
  if (published_home_ != home) {
    published_home_ = home;
    control_.set_home_region(*home, now);
  }
  if (addresses_.empty() || online_through_ == home || told_home_ != home) return;
  online_through_ = home;
  outbox_.tell(Online{*home, relays_.region_code(*home)});
}

void Node::handle(const path::Event& event, Instant now) {
  if (const auto* own = std::get_if<path::OwnEndpointsChanged>(&event)) {
    std::vector<control::PublishedEndpoint> published;
    for (const Endpoint& endpoint : own->endpoints) published.push_back({endpoint, control::EndpointType::stun});
    control_.set_endpoints(std::move(published), now);
  } else if (const auto* home = std::get_if<path::HomeRegionChanged>(&event)) {
    relays_.set_home(home->region);
    home_may_be_up(now);
  } else if (const auto* changed = std::get_if<path::PathChanged>(&event)) {
    PathChanged out{changed->peer, PathKind::none, {}};
    if (const auto* relay = std::get_if<path::RelayPath>(&changed->path)) {
      out.kind = relay->direct_is_too_narrow ? PathKind::relay_past_narrow : PathKind::relay;
      out.through = relays_.region_code(relay->region);
    } else if (const auto* direct = std::get_if<path::DirectPath>(&changed->path)) {
      out.kind = PathKind::direct;
      out.through = direct->endpoint.text();
    }
    // What cut the direct path (a NAT that was restarted, a new route) may have cut the connections that nothing was
    // sent on for a while, too: ask them, so that a dead one is noticed in seconds.
    const bool lost_direct = directly_reached_.erase(changed->peer) > 0;
    if (out.kind == PathKind::direct) {
      directly_reached_.insert(changed->peer);
    } else if (lost_direct) {
      check_connections(now);
    }
    outbox_.path_changed(std::move(out));
  } else if (const auto* need = std::get_if<path::NeedRelay>(&event)) {
    if (!is_logging_out_) relays_.need(need->region, now);
  } else if (const auto* idle = std::get_if<path::RelayIdle>(&event)) {
    relays_.drop(idle->region);
  } else if (const auto* resolve = std::get_if<path::ResolveStun>(&event)) {
    outbox_.tell(ResolveStun{resolve->region, resolve->host, resolve->port});
  }
}

void Node::handle_timeout(Instant now) {
  packets_.clear();
  control_.handle_timeout(now);
  relays_.handle_timeout(now);
  paths_.handle_timeout(now);
  wireguard_.handle_timeout(now);
  if (next_expiry_check_ && now >= *next_expiry_check_) {
    peers_.handle_expiry(control_.netmap(), wall(now), now);
    plan_expiry_check(now);
  }
  settle(now);
}

std::optional<Instant> Node::poll_timeout() const {
  std::optional<Instant> next = next_expiry_check_;
  for (const auto& at :
       {control_.poll_timeout(), relays_.poll_timeout(), paths_.poll_timeout(), wireguard_.poll_timeout()}) {
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

}  // namespace quoin::node
