// The fields of every message of the pair, in the order in which they stand on the wire. One list serves reading,
// writing and the tests, so that the two sides cannot drift apart.
#pragma once

#include <concepts>
#include <type_traits>

#include "pair/messages.h"

namespace quoin::pair {

template <class M, class T>
concept Of = std::same_as<std::remove_const_t<M>, T>;

// ---- tunnel to gate

void fields(auto& on, Of<DialControl> auto& m) {
  on(m.request);
}
void fields(auto& on, Of<DialRelay> auto& m) {
  on(m.request), on(m.region), on(m.host), on(m.ipv4), on(m.ipv6), on(m.port);
}
void fields(auto& on, Of<ResolveStun> auto& m) {
  on(m.request), on(m.host), on(m.ipv4), on(m.ipv6), on(m.port);
}
void fields(auto& on, Of<DialService> auto& m) {
  on(m.request), on(m.engineer), on(m.transport), on(m.port), on(m.from_port);
}
void fields(auto& on, Of<PingDevice> auto& m) {
  on(m.request), on(m.engineer), on(m.payload_bytes);
}
void fields(auto& on, Of<Admit> auto& m) {
  on(m.node_key), on(m.login), on(m.tagged);
}
void fields(auto&, Of<WantJoinKey> auto&) {}
void fields(auto& on, Of<Registered> auto& m) {
  on(m.node_key), on(m.name), on(m.addresses);
}
void fields(auto& on, Of<Online> auto& m) {
  on(m.region), on(m.region_code);
}
void fields(auto& on, Of<PathReport> auto& m) {
  on(m.engineer), on(m.kind), on(m.through), on(m.silent_seconds);
}
void fields(auto& on, Of<FlowClosed> auto& m) {
  on(m.request), on(m.bytes_to_device), on(m.bytes_to_engineer);
}
void fields(auto& on, Of<Problem> auto& m) {
  on(m.kind), on(m.text);
}
void fields(auto& on, Of<Solved> auto& m) {
  on(m.kind);
}
void fields(auto& on, Of<LoggedOut> auto& m) {
  on(m.told);
}
void fields(auto& on, Of<ControlIgnored> auto& m) {
  on(m.feature);
}
void fields(auto& on, Of<FtpData> auto& m) {
  on(m.engineer), on(m.port);
}
void fields(auto& on, Of<WantEndpoint> auto& m) {
  on(m.request), on(m.endpoint);
}
void fields(auto& on, Of<EndpointUnneeded> auto& m) {
  on(m.endpoint);
}
void fields(auto& on, Of<Refused> auto& m) {
  on(m.engineer), on(m.protocol), on(m.why), on(m.ports);
}

// ---- gate to tunnel

void fields(auto& on, Of<Begin> auto& m) {
  on(m.device_name), on(m.control_host), on(m.control_port), on(m.control_tls), on(m.server_key), on(m.services);
  on(m.deadline), on(m.own_prefixes), on(m.allowed_private);
}
void fields(auto& on, Of<UdpSockets> auto& m) {
  on(m.has_ipv4), on(m.has_ipv6);
}
void fields(auto& on, Of<OwnPrefixes> auto& m) {
  on(m.prefixes);
}
void fields(auto& on, Of<Connected> auto& m) {
  on(m.request);
}
void fields(auto& on, Of<Failed> auto& m) {
  on(m.request), on(m.why);
}
void fields(auto& on, Of<Resolved> auto& m) {
  on(m.request), on(m.endpoints);
}
void fields(auto& on, Of<Pinged> auto& m) {
  on(m.request);
}
void fields(auto& on, Of<Admission> auto& m) {
  on(m.node_key), on(m.admitted);
}
void fields(auto& on, Of<JoinKey> auto& m) {
  on(m.key);
}
void fields(auto&, Of<Close> auto&) {}
void fields(auto& on, Of<Extend> auto& m) {
  on(m.deadline);
}

// ---- parts

void fields(auto& on, Of<Services> auto& m) {
  on(m.ports), on(m.ping);
}
void fields(auto& on, Of<PortRange> auto& m) {
  on(m.transport), on(m.first), on(m.last);
}
void fields(auto& on, Of<PortAttempts> auto& m) {
  on(m.first), on(m.last), on(m.count);
}
void fields(auto& on, Of<Endpoint> auto& m) {
  on(m.address), on(m.port);
}

}  // namespace quoin::pair
