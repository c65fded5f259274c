#include "tunnel_process.h"

#include <utility>

#include "base/secret.h"
#include "io/clock.h"
#include "io/log.h"

namespace quoin::apps {

TunnelProcess::TunnelProcess(io::Loop& loop, io::Descriptor pair)
    : loop_(loop),
      timer_(loop, [this] { handle_timer(); }),
      pair_(loop, std::move(pair), io::Seqpacket::descriptors_max,
            {.received = [this](io::Seqpacket::Received packet) { handle_packet(std::move(packet)); },
             .closed = [this] { loop_.stop(); }}),
      burst_space_(io::UdpSocket::burst_bytes_max) {}

TunnelProcess::~TunnelProcess() = default;

// ---- the gate
// -----------------------------------------------------------------------------------------------------------

void TunnelProcess::handle_packet(io::Seqpacket::Received packet) {
  auto message = packet.cut ? failure(pair::MessageError::too_long) : pair::decode_from_gate(packet.bytes);
  if (!message) {
    io::log(io::LogLevel::error, "the gate sent a message that cannot be read: ending");
    return loop_.stop();
  }
  const auto* connected = std::get_if<pair::Connected>(&*message);
  if (packet.descriptors_lost || packet.descriptors.size() != pair::descriptors_with(*message)) {
    if (!connected || !tunnel_) return loop_.stop();  // without its roots or sockets there is nothing to go on with
    tunnel_->descriptor_lost(connected->request, io::now());
    return drain();
  }
  if (const auto* first = std::get_if<pair::Begin>(&*message)) {
    if (tunnel_) return loop_.stop();
    begin(*first, packet.descriptors);
  } else if (!tunnel_) {
    return loop_.stop();
  } else if (const auto* sockets = std::get_if<pair::UdpSockets>(&*message)) {
    adopt_sockets(*sockets, packet.descriptors);
  } else if (connected) {
    handle_connected(connected->request, std::move(packet.descriptors[0]));
  } else {
    tunnel_->handle(*message, io::now());
  }
  if (auto* key = std::get_if<pair::JoinKey>(&*message)) wipe(std::as_writable_bytes(std::span(key->key)));
  drain();
}

void TunnelProcess::begin(const pair::Begin& begin, std::vector<io::Descriptor>& descriptors) {
  control_host_ = begin.control_host;
  control_port_ = begin.control_port;
  control_tls_ = begin.control_tls;
  server_key_ = begin.server_key;
  const auto parse = [this](const io::Descriptor& file) -> std::optional<io::TlsRoots> {
    const auto pem = io::read_to_end(file, io::TlsRoots::pem_bytes_max);
    if (!pem) {
      roots_failure_ = "the root certificates cannot be read";
      return std::nullopt;
    }
    auto roots = io::TlsRoots::parse(*pem);
    if (!roots) {
      roots_failure_ = roots.error().text;
      return std::nullopt;
    }
    return *roots;
  };
  control_roots_ = parse(descriptors[0]);
  relay_roots_ = parse(descriptors[1]);
  tunnel_ = std::make_unique<tunnel::Tunnel>(begin, random_, io::now(), io::wall_time());
  devices_ = std::make_unique<DeviceSockets>(loop_, *tunnel_, [this] { drain(); });
}

void TunnelProcess::adopt_sockets(const pair::UdpSockets& sockets, std::vector<io::Descriptor>& descriptors) {
  held_run_.reset();
  endpoints_.clear();
  ipv4_ = {};
  ipv6_ = {};
  std::size_t next = 0;
  if (sockets.has_ipv4) ipv4_.socket = std::make_unique<io::UdpSocket>(loop_, std::move(descriptors[next++]));
  if (sockets.has_ipv6) ipv6_.socket = std::make_unique<io::UdpSocket>(loop_, std::move(descriptors[next++]));
  if (ipv4_.socket) wait_for_datagrams(IpVersion::v4);
  if (ipv6_.socket) wait_for_datagrams(IpVersion::v6);
  tunnel_->set_sockets({.ipv4 = sockets.has_ipv4, .ipv6 = sockets.has_ipv6}, io::now());
}

void TunnelProcess::handle_connected(pair::RequestId request, io::Descriptor socket) {
  const auto purpose = tunnel_->take_purpose(request, io::now());
  if (const auto* stream = std::get_if<tunnel::ForStream>(&purpose)) {
    add_link(*stream, std::move(socket));
  } else if (const auto* flow = std::get_if<tunnel::ForFlow>(&purpose)) {
    devices_->add(*flow, std::move(socket));
  } else if (const auto* endpoint = std::get_if<tunnel::ForEndpoint>(&purpose)) {
    endpoints_[endpoint->endpoint] = {.socket = std::make_unique<io::UdpSocket>(loop_, std::move(socket))};
    wait_for_datagrams(endpoint->endpoint);
  }
}

// ---- streams
// ------------------------------------------------------------------------------------------------------------

void TunnelProcess::add_link(const tunnel::ForStream& purpose, io::Descriptor socket) {
  const node::StreamId id = purpose.stream;
  LinkTarget target;
  if (const auto* relay = std::get_if<node::RelayStream>(&purpose.to)) {
    target.roots = relay_roots_ ? &*relay_roots_ : nullptr;
    target.name = relay->host;
    target.host_field = http::http_host(relay->host, relay->port, 443);
  } else {
    target.is_control = true;
    target.roots = control_tls_ && control_roots_ ? &*control_roots_ : nullptr;
    target.name = control_host_;
    target.host_field = http::http_host(control_host_, control_port_, control_tls_ ? 443 : 80);
    if (!tunnel_->node().control_wants_key()) target.server_key = server_key_;
  }
  const bool needs_tls = !target.is_control || control_tls_;
  if (needs_tls && !target.roots) {
    tunnel_->node().stream_failed(id, {node::StreamTrouble::certificate, roots_failure_}, io::now());
    return tunnel_->handled(io::now());
  }
  LinkHandlers handlers;
  handlers.handshake = [this, id](const crypto::MachinePublicKey& key) {
    auto handshake = tunnel_->node().control_handshake(id, key, io::now());
    if (handshake) server_key_ = key;
    return handshake;
  };
  handlers.opened = [this, id](Bytes leftover) {
    tunnel_->node().stream_opened(id, io::now());
    tunnel_->node().stream_received(id, leftover, io::now());
    tunnel_->handled(io::now());
    read_stream(id);
    drain();
  };
  handlers.failed = [this, id](node::StreamFailure failure) {
    io::log(io::LogLevel::warning, failure.text);
    remove_link(id);
    tunnel_->node().stream_failed(id, failure, io::now());
    tunnel_->handled(io::now());
    drain();
  };
  auto& link = links_[id];
  link = std::make_unique<Link>(loop_, std::move(socket), std::move(target), std::move(handlers), io::now());
  link->start();
}

void TunnelProcess::remove_link(node::StreamId stream) {
  const auto found = links_.find(stream);
  if (found == links_.end()) return;
  ended_links_.push_back(std::move(found->second));
  links_.erase(found);
  waits_to_write_.erase(stream);
  loop_.post([this] { ended_links_.clear(); });
}

void TunnelProcess::read_stream(node::StreamId id) {
  for (int turn = 0; turn < bursts_per_turn; turn++) {
    const auto found = links_.find(id);
    if (found == links_.end() || !found->second->is_open()) return;
    const MutableBytes space = tunnel_->node().stream_space(id);
    if (space.empty()) return remove_link(id);
    const auto moved = found->second->stream().read_some(space);
    if (!moved && moved.error() == io::StreamStop::would_block) break;
    if (!moved) {
      remove_link(id);
      tunnel_->node().stream_failed(id, {node::StreamTrouble::ended, "the connection ended"}, io::now());
      return tunnel_->handled(io::now());
    }
    tunnel_->node().stream_received(id, *moved, io::now());
    tunnel_->handled(io::now());
  }
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  found->second->stream().wait_readable([this, id] {
    read_stream(id);
    drain();
  });
}

bool TunnelProcess::write_streams() {
  bool any = false;
  for (const node::StreamId id : tunnel_->node().streams_with_output()) any |= write_stream(id);
  return any;
}

bool TunnelProcess::write_stream(node::StreamId id) {
  bool any = false;
  for (;;) {
    const auto found = links_.find(id);
    if (found == links_.end() || !found->second->is_open() || waits_to_write_[id]) return any;
    const Bytes output = tunnel_->node().stream_output(id);
    if (output.empty()) return any;
    const auto moved = found->second->stream().write_some(output);
    if (moved) {
      tunnel_->node().stream_sent(id, *moved, io::now());
      tunnel_->handled(io::now());
      any = true;
      continue;
    }
    if (moved.error() != io::StreamStop::would_block) return any;  // reading finds out, and tells
    waits_to_write_[id] = true;
    found->second->stream().wait_writable([this, id] {
      waits_to_write_[id] = false;
      drain();
    });
  }
}

// ---- datagrams
// ----------------------------------------------------------------------------------------------------------

TunnelProcess::UdpPort* TunnelProcess::port(const PortName& name) {
  if (const auto* version = std::get_if<IpVersion>(&name)) {
    UdpPort& receives = *version == IpVersion::v4 ? ipv4_ : ipv6_;
    return receives.socket ? &receives : nullptr;
  }
  const auto found = endpoints_.find(std::get<Endpoint>(name));
  return found == endpoints_.end() ? nullptr : &found->second;
}

void TunnelProcess::wait_for_datagrams(const PortName& name) {
  port(name)->socket->wait_readable([this, name] {
    receive_datagrams(name);
    drain();
  });
}

void TunnelProcess::receive_datagrams(const PortName& name) {
  for (int turn = 0; turn < bursts_per_turn; turn++) {
    const UdpPort* from = port(name);
    if (!from || !receive_burst(*from->socket)) break;
  }
  if (port(name)) wait_for_datagrams(name);
}

bool TunnelProcess::receive_burst(io::UdpSocket& socket) {
  const auto burst = socket.receive_burst(burst_space_);
  if (!burst) return false;
  tunnel_->handle_datagrams(burst->from, burst->bytes, burst->segment_bytes, io::now());
  perform_effects();  // the device's sockets take what came before the next burst overwrites nothing but grows the
                      // queue
  return true;
}

// What has arrived at it would be lost; what comes later arrives at the socket that is not connected.
void TunnelProcess::close_endpoint(const Endpoint& endpoint) {
  const auto closed = endpoints_.extract(endpoint);
  if (!closed) return;
  if (held_run_ && held_run_->to == endpoint) held_run_.reset();
  for (int turn = 0; turn < bursts_per_turn && receive_burst(*closed.mapped().socket); turn++) {
  }
}

bool TunnelProcess::send_datagrams() {
  bool any = false;
  for (;;) {
    if (!held_run_) held_run_ = tunnel_->poll_udp(io::now());
    if (!held_run_) return any;
    const auto found = endpoints_.find(held_run_->to);
    if (found == endpoints_.end()) {
      held_run_.reset();
      continue;
    }
    UdpPort& port = found->second;
    if (port.waits_to_write) return any;
    const auto sent = port.socket->send_burst(held_run_->segments, held_run_->segment_bytes);
    if (sent && *sent < held_run_->segments.size()) {
      held_run_->segments = held_run_->segments.subspan(*sent);
      any = true;
      continue;
    }
    if (!sent && sent.error() == io::UdpStop::would_block) {
      port.waits_to_write = true;
      port.socket->wait_writable([this, &port] {
        port.waits_to_write = false;
        drain();
      });
      return any;
    }
    any |= sent.has_value();
    const Endpoint to = held_run_->to;
    held_run_.reset();
    if (!sent && sent.error() == io::UdpStop::unreachable) tunnel_->udp_unreachable(to, io::now());
  }
}

// ---- effects and time
// ---------------------------------------------------------------------------------------------------

void TunnelProcess::perform_effects() {
  while (const auto effect = tunnel_->poll_effect()) {
    if (const auto* send = std::get_if<tunnel::SendToGate>(&*effect)) {
      if (!pair_.send(pair::encode(send->message))) return loop_.stop();
    } else if (const auto* close = std::get_if<tunnel::CloseStream>(&*effect)) {
      remove_link(close->stream);
    } else if (const auto* sender = std::get_if<tunnel::CloseEndpoint>(&*effect)) {
      close_endpoint(sender->endpoint);
    } else if (const auto* work = std::get_if<tunnel::FlowWork>(&*effect)) {
      devices_->work(work->flow);
    } else if (const auto* finish = std::get_if<tunnel::FinishDevice>(&*effect)) {
      devices_->finish(finish->flow);
    } else if (const auto* datagram = std::get_if<tunnel::SendDatagram>(&*effect)) {
      devices_->send(datagram->flow, datagram->datagram);
    } else if (const auto* flow = std::get_if<tunnel::CloseFlow>(&*effect)) {
      devices_->close(flow->flow, flow->reset);
    } else if (std::holds_alternative<tunnel::End>(*effect)) {
      is_ending_ = true;
    }
  }
}

void TunnelProcess::drain() {
  if (!tunnel_) return;
  bool any = true;
  while (any) {
    perform_effects();
    any = send_datagrams();
    any |= write_streams();
  }
  perform_effects();
  if (is_ending_ || tunnel_->ended()) return end();
  std::optional<Instant> next = tunnel_->poll_timeout();
  if (const auto at = devices_->poll_timeout(); at && (!next || *at < *next)) next = at;
  for (const auto& [id, link] : links_) {
    if (const auto at = link->deadline(); at && (!next || *at < *next)) next = at;
  }
  if (next != timer_.at()) timer_.set(next);
}

void TunnelProcess::handle_timer() {
  if (!tunnel_) return;
  const Instant now = io::now();
  std::vector<Link*> late;
  for (const auto& [id, link] : links_) {
    if (const auto at = link->deadline(); at && now >= *at) late.push_back(link.get());
  }
  for (Link* link : late) link->handle_timeout(now);
  devices_->handle_timeout(now);
  tunnel_->handle_timeout(now);
  drain();
}

void TunnelProcess::end() {
  // The last words should reach the gate, which reads its end of the pair promptly if it still can.
  const Instant now = io::now();
  if (!gone_by_) gone_by_ = now + last_words_max;
  if (pair_.all_sent() || now >= *gone_by_) {
    loop_.stop();
  } else {
    timer_.set(now + milliseconds(10));
  }
}

}  // namespace quoin::apps
