// The edge's part in what a tunnel sends datagrams with.
#include "gate/endpoint_sockets.h"
#include "gate/simulated_edge.h"
#include "path/endpoint_guard.h"

namespace quoin::gate {

void SimulatedEdge::on(const BindUdp& effect) {
  const UdpBound bound{effect.session, ++last_handle_, ++last_handle_};
  bound_udp.insert({*bound.ipv4, *bound.ipv6});
  inputs_.push_back(bound);
}

void SimulatedEdge::on(const ConnectUdp& effect) {
  promise(bound_udp.contains(effect.beside), "only beside a socket that is held another is connected");
  promise_public(effect.to);
  if (connecting_udp_fails) return inputs_.push_back(DialFailed{effect.task, *connecting_udp_fails});
  connected_udp.emplace(++last_handle_, effect.to);
  inputs_.push_back(Dialled{effect.task, last_handle_, effect.to});
}

void SimulatedEdge::on(const DisconnectUdp& effect) {
  promise(connected_udp.erase(effect.handle) == 1, "only sockets that are held are disconnected");
}

void SimulatedEdge::promise_public(const Endpoint& endpoint) {
  const path::EndpointGuard guard(host.prefixes(), config.relay.allow);
  promise(!is_device(endpoint) && guard.allows(endpoint, path::EndpointUse::relay_or_stun),
          "datagrams can be sent to public addresses and allowed relays only");
}

void SimulatedEdge::look_at_udp() {
  for (const auto& [socket, endpoint] : connected_udp) promise_public(endpoint);
  promise((connected_udp.empty() && bound_udp.empty()) || gate->open_sessions() > 0,
          "nobody can send datagrams once everything is closed");
  promise(connected_udp.size() <= gate->open_sessions() * EndpointSockets::connected_max,
          "a tunnel can send datagrams to so many endpoints");
}

}  // namespace quoin::gate
