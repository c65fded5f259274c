#include "agent.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "path/endpoint_guard.h"

namespace quoin::simulation {
namespace {

constexpr Duration pair_latency = microseconds(100);
constexpr Duration printer_latency = microseconds(500);

}  // namespace

Agent::Agent(World& world, Internet& internet, Servers& servers, Site& site, GateScript with)
    : script(std::move(with)),
      world_(world),
      internet_(internet),
      site_(site),
      inside_(Endpoint::parse("192.168.77.9:41641").value()),
      name_("agent at " + site.name),
      random_(world.chance.u64()),
      deadline_(world.now + script.warrant),
      streams_(world, internet, servers,
               {.node = [this]() -> node::Node& { return tunnel_->node(); },
                .handled = [this] { tunnel_->handled(world_.now); },
                .drain = [this] { drain(); }}),
      guard_(site.networks, {}) {
  const pair::Begin begin{.device_name = "mfp",
                          .control_host = "control.example",
                          .control_port = 443,
                          .control_tls = true,
                          .server_key = servers.control.box.public_key(),
                          .services = script.services,
                          .deadline = deadline_,
                          .own_prefixes = site.networks,
                          .allowed_private = {}};
  const auto wire = pair::decode_from_gate(pair::encode(pair::FromGate(begin)));
  tunnel_ = std::make_unique<tunnel::Tunnel>(std::get<pair::Begin>(wire.value()), random_, world.now,
                                             WallTime{seconds(1'790'000'000)});
  internet.attach(site, inside_, *this);
  world.add(*this);
  tunnel_->set_sockets({.ipv4 = true}, world.now);
  drain();
}

// ---- the gate
// -----------------------------------------------------------------------------------------------------------

void Agent::hand_over(const pair::FromGate& message) {
  if (end_) return;
  if (std::holds_alternative<pair::OwnPrefixes>(message)) sends_to_.clear();
  const auto decoded = pair::decode_from_gate(pair::encode(message));
  ASSERT_TRUE(decoded);
  tunnel_->handle(*decoded, world_.now);
  drain();
}

void Agent::close() {
  hand_over(pair::Close{});
}

void Agent::extend(Instant deadline) {
  deadline_ = deadline;
  hand_over(pair::Extend{deadline});
}

void Agent::replace_sockets() {
  sends_to_.clear();
  tunnel_->set_sockets({.ipv4 = true}, world_.now);
  drain();
}

void Agent::answer(Duration after, pair::FromGate message) {
  if (!script.answers) return;
  world_.after(after, [this, message = std::move(message)] { hand_over(message); });
}

void Agent::obey(const pair::FromTunnel& message) {
  const auto decoded = pair::decode_from_tunnel(pair::encode(message));
  ASSERT_TRUE(decoded) << "a message that its own codec refuses";
  said.push_back(*decoded);
  const auto once = [this](pair::RequestId request) {
    EXPECT_TRUE(requests_.insert(request).second) << "request " << request << " was made twice";
  };
  if (const auto* control = std::get_if<pair::DialControl>(&message)) {
    once(control->request);
    connect_stream(control->request, node::ControlStream{});
  } else if (const auto* relay = std::get_if<pair::DialRelay>(&message)) {
    once(relay->request);
    connect_stream(relay->request,
                   node::RelayStream{relay->region, relay->host, relay->ipv4, relay->ipv6, relay->port});
  } else if (const auto* stun = std::get_if<pair::ResolveStun>(&message)) {
    once(stun->request);
    // "relay<n>.example", as the resolver of the site knows it
    const auto n = stun->host.size() > 5 ? static_cast<std::uint32_t>(stun->host[5] - '0') : 0;
    answer(milliseconds(5), pair::Resolved{stun->request, {{IpAddress::v4(0xc633'6400U + n), stun->port}}});
  } else if (const auto* service = std::get_if<pair::DialService>(&message)) {
    once(service->request);
    dial(*service);
  } else if (const auto* ping = std::get_if<pair::PingDevice>(&message)) {
    once(ping->request);
    if (printer.answers_ping) {
      answer(milliseconds(1), pair::Pinged{ping->request});
    } else {
      answer(seconds(5), pair::Failed{ping->request, pair::Unanswered::timed_out});
    }
  } else if (const auto* admit = std::get_if<pair::Admit>(&message)) {
    answer(pair_latency, pair::Admission{admit->node_key, !admit->tagged && script.engineers.contains(admit->login)});
  } else if (std::holds_alternative<pair::WantJoinKey>(message)) {
    answer(pair_latency, pair::JoinKey{script.join_key});
  } else if (const auto* closed = std::get_if<pair::FlowClosed>(&message)) {
    open_flows_.erase(closed->request);
  } else if (const auto* endpoint = std::get_if<pair::WantEndpoint>(&message)) {
    once(endpoint->request);
    connect_endpoint(*endpoint);
  } else if (const auto* unneeded = std::get_if<pair::EndpointUnneeded>(&message)) {
    EXPECT_FALSE(sends_to_.contains(unneeded->endpoint)) << "given back, and not closed";
  }
}

void Agent::connect_endpoint(const pair::WantEndpoint& request) {
  EXPECT_FALSE(sends_to_.contains(request.endpoint)) << "asked for a socket that is there";
  EXPECT_TRUE(guard_.allows(request.endpoint, path::EndpointUse::peer)) << "asked for what the guard refuses";
  if (script.no_endpoints) return answer(pair_latency, pair::Failed{request.request, *script.no_endpoints});
  if (!script.answers) return;
  world_.after(pair_latency, [this, request] {
    if (end_) return;
    const auto purpose = tunnel_->take_purpose(request.request, world_.now);
    if (const auto* endpoint = std::get_if<tunnel::ForEndpoint>(&purpose)) {
      EXPECT_EQ(endpoint->endpoint, request.endpoint);
      sends_to_.insert(endpoint->endpoint);
      EXPECT_LE(sends_to_.size(), tunnel::Endpoints::endpoints_max);
    }
    drain();
  });
}

void Agent::connect_stream(pair::RequestId request, NodeStreams::Target target) {
  if (!script.answers) return;
  world_.after(2 * Internet::latency, [this, request, target = std::move(target)] {
    if (end_) return;
    if (!streams_.answers(target)) return hand_over(pair::Failed{request, pair::Unanswered::refused});
    const auto purpose = tunnel_->take_purpose(request, world_.now);
    if (const auto* stream = std::get_if<tunnel::ForStream>(&purpose)) streams_.open(stream->stream, stream->to);
    drain();
  });
}

void Agent::dial(const pair::DialService& request) {
  EXPECT_TRUE(script.services.allows(request.transport, request.port)) << "asked for what the warrant does not open";
  EXPECT_LT(world_.now, deadline_) << "asked for after the deadline";
  if (!script.answers) return;
  const auto refused = printer.unanswered.find(request.port);
  const bool is_there = request.transport == pair::Transport::tcp ? printer.tcp.contains(request.port)
                                                                  : printer.udp.contains(request.port);
  if (refused != printer.unanswered.end() || !is_there) {
    const auto why = refused != printer.unanswered.end() ? refused->second : pair::Unanswered::refused;
    return answer(script.dial_time, pair::Failed{request.request, why});
  }
  world_.after(script.dial_time, [this, id = request.request, port = request.port] { connected(id, port); });
}

void Agent::connected(pair::RequestId request, std::uint16_t port) {
  if (end_) return;
  open_flows_.insert(request);
  if (script.loses_descriptors) {
    tunnel_->descriptor_lost(request, world_.now);
    return drain();
  }
  const auto purpose = tunnel_->take_purpose(request, world_.now);
  if (const auto* flow = std::get_if<tunnel::ForFlow>(&purpose)) {
    Socket& socket = sockets_[flow->flow];
    socket.transport = flow->transport;
    socket.port = port;
    if (flow->transport == netstack::Transport::tcp) {
      socket.service = printer.tcp.at(port)();
      services_.push_back(socket.service);
      work(flow->flow);
    }
  }
  drain();
}

// ---- the printer's sockets
// ----------------------------------------------------------------------------------------------

void Agent::passed(std::size_t bytes) {
  printer_bytes_ += bytes;
  printer_heard_at_ = world_.now;
}

void Agent::work(netstack::FlowId flow) {
  const auto found = sockets_.find(flow);
  if (found == sockets_.end() || !found->second.service) return;
  Socket& socket = found->second;
  Service& service = *socket.service;
  bool is_sated = false;
  for (;;) {
    const Bytes pending = tunnel_->device_pending(flow)[0];
    if (pending.empty() || is_sated) break;
    const std::size_t count = service.write(pending);
    is_sated = count < pending.size();
    if (count == 0) break;
    passed(count);
    tunnel_->device_sent(flow, count, world_.now);
  }
  for (;;) {
    const Bytes output = service.output();
    const MutableBytes space = tunnel_->device_space(flow)[0];
    const std::size_t count = std::min(output.size(), space.size());
    if (count == 0) break;
    std::copy_n(output.begin(), count, space.begin());
    service.read(count);
    passed(count);
    tunnel_->device_received(flow, count, world_.now);
  }
  if (service.is_broken() && service.output().empty()) return tunnel_->device_failed(flow, world_.now);
  if (service.ended() && !std::exchange(socket.finished, service.ended())) tunnel_->device_finished(flow, world_.now);
  if (is_sated && service.is_hungry_later() && !std::exchange(socket.works_later, true)) {
    world_.after(milliseconds(2), [this, flow] {
      if (const auto later = sockets_.find(flow); later != sockets_.end()) later->second.works_later = false;
      work(flow);
      drain();
    });
  }
}

void Agent::send_datagram(const tunnel::SendDatagram& effect) {
  const auto socket = sockets_.find(effect.flow);
  if (socket == sockets_.end()) return;
  passed(effect.datagram.size());
  if (!printer.answers_udp) return;
  const auto answer = printer.udp.at(socket->second.port)(effect.datagram);
  world_.after(printer_latency, [this, flow = effect.flow, answer] {
    if (!sockets_.contains(flow)) return;
    if (answer) {
      tunnel_->device_datagram(flow, *answer, world_.now);
    } else {
      tunnel_->device_refused(flow, netstack::Refusal::port_unreachable, world_.now);
    }
    drain();
  });
}

void Agent::close_socket(const tunnel::CloseFlow& effect) {
  const auto socket = sockets_.extract(effect.flow);
  if (socket && socket.mapped().service) {
    if (effect.reset) socket.mapped().service->was_reset();
    socket.mapped().service->was_closed();
  }
  if (effect.reset) return;
  world_.after(script.ending_time, [this, flow = effect.flow] {
    if (end_) return;
    tunnel_->device_closed(flow, world_.now);
    drain();
  });
}

// ---- driving
// ------------------------------------------------------------------------------------------------------------

bool Agent::perform_effects() {
  bool any = false;
  std::size_t count = 0;
  while (const auto effect = tunnel_->poll_effect()) {
    any = true;
    EXPECT_LT(++count, effects_at_once_max);
    if (const auto* send = std::get_if<tunnel::SendToGate>(&*effect)) {
      EXPECT_FALSE(end_) << "said after End";
      obey(send->message);
    } else if (const auto* close = std::get_if<tunnel::CloseStream>(&*effect)) {
      streams_.close(close->stream);
    } else if (const auto* sender = std::get_if<tunnel::CloseEndpoint>(&*effect)) {
      sends_to_.erase(sender->endpoint);
    } else if (const auto* flow = std::get_if<tunnel::FlowWork>(&*effect)) {
      world_.after(printer_latency, [this, id = flow->flow] {
        if (end_) return;
        work(id);
        drain();
      });
    } else if (const auto* finish = std::get_if<tunnel::FinishDevice>(&*effect)) {
      const auto socket = sockets_.find(finish->flow);
      if (socket == sockets_.end() || !socket->second.service) continue;
      socket->second.service->finish();
      work(finish->flow);
    } else if (const auto* datagram = std::get_if<tunnel::SendDatagram>(&*effect)) {
      send_datagram(*datagram);
    } else if (const auto* closed = std::get_if<tunnel::CloseFlow>(&*effect)) {
      close_socket(*closed);
    } else if (const auto* over = std::get_if<tunnel::End>(&*effect)) {
      EXPECT_FALSE(end_) << "ended twice";
      end_ = over->why;
      ended_at_ = world_.now;
    }
  }
  return any;
}

void Agent::drain() {
  for (bool any = true; any;) {
    any = perform_effects();
    while (const auto run = tunnel_->poll_udp(world_.now)) {
      any = true;
      EXPECT_TRUE(sends_to_.contains(run->to)) << "sent without a socket";
      internet_.send(site_, inside_, run->to, run->segments, run->segment_bytes);
    }
    any |= streams_.pump();
  }
  if (end_) ended();
}

void Agent::ended() {
  EXPECT_TRUE(tunnel_->ended());
  streams_.close_all();
  sockets_.clear();
}

void Agent::handle_timeout() {
  tunnel_->handle_timeout(world_.now);
  drain();
}

void Agent::handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes) {
  if (end_) return;
  tunnel_->handle_datagrams(from, datagrams, segment_bytes, world_.now);
  drain();
}

// ---- to be seen
// ---------------------------------------------------------------------------------------------------------

std::optional<pair::PathReport> Agent::path() const {
  const auto reports = all<pair::PathReport>();
  return reports.empty() ? std::nullopt : std::optional(reports.back());
}

std::optional<crypto::NodePublicKey> Agent::node_key() const {
  const auto registered = all<pair::Registered>();
  return registered.empty() ? std::nullopt : std::optional(registered.back().node_key);
}

IpAddress Agent::address(IpVersion version) const {
  const auto registered = all<pair::Registered>();
  if (!registered.empty()) {
    for (const IpAddress& address : registered.back().addresses) {
      if (address.version() == version) return address;
    }
  }
  ADD_FAILURE() << "not registered";
  return {};
}

}  // namespace quoin::simulation
