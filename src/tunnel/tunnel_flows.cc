// Which flows an engineer may begin, and what ends them all at once: he is no peer any more, or the control server's
// rules have become narrower.
#include <algorithm>
#include <utility>

#include "tunnel/translate.h"
#include "tunnel/tunnel.h"

namespace quoin::tunnel {
namespace {

constexpr std::uint8_t icmp_protocol = 1;
constexpr std::uint8_t tcp_protocol = 6;
constexpr std::uint8_t udp_protocol = 17;
constexpr std::uint8_t icmp_v6_protocol = 58;

}  // namespace

void Tunnel::handle_incoming(const netstack::Incoming& incoming, Instant now) {
  const bool is_tcp = incoming.transport == netstack::Transport::tcp;
  const std::uint16_t port = incoming.local.port;
  const auto engineer = node_.peer_at(incoming.remote.address);
  const pair::Transport transport = is_tcp ? pair::Transport::tcp : pair::Transport::udp;
  const bool is_filtered = !passes_filter(incoming.transport, incoming.remote, incoming.local);
  const bool is_granted = engineer && !is_filtered &&
                          (services_.allows(transport, port) || (is_tcp && ftp_ports_.has(*engineer, port, now)));
  const pair::Protocol protocol = is_tcp ? pair::Protocol::tcp : pair::Protocol::udp;
  if (!is_granted) {
    note_refused(incoming.remote.address, protocol, port,
                 is_filtered ? pair::RefusedFor::filter : pair::RefusedFor::service, now);
    stack_.refuse(incoming.flow, refusal(pair::Unanswered::not_allowed, incoming.transport));
    return;
  }
  std::string person = node_.login_of(*engineer);
  if (!make_room(person, incoming.transport, now) || !may_ask(person, incoming.transport, now)) {
    note_refused(incoming.remote.address, protocol, port, pair::RefusedFor::too_many, now);
    stack_.refuse(incoming.flow, netstack::Refusal::silent);  // an honest sender tries again
    return;
  }
  if (!services_.allows(transport, port)) ftp_ports_.take(*engineer, port, now);
  Flow flow;
  flow.id = incoming.flow;
  flow.transport = incoming.transport;
  flow.request = next_request();
  flow.from_engineer = incoming.remote;
  flow.to_device = incoming.local;
  flow.engineer = *engineer;
  flow.person = std::move(person);
  if (is_tcp && port == pair::ftp_control_port) flow.ftp = std::make_unique<FtpControl>(overlay_ipv4_);
  const pair::RequestId request = flow.request;
  flows_.add(std::move(flow));
  send_to_gate(pair::DialService{request, *engineer, transport, port, incoming.remote.port});
}

bool Tunnel::make_room(const std::string& person, netstack::Transport transport, Instant now) {
  if (!flows_.may_dial(person, transport)) return false;
  while (!flows_.has_room_for(person, transport)) {
    const auto least_used = flows_.to_take_back(person, transport, now);
    if (!least_used) return false;
    stack_.close_datagrams(*least_used);
    close_flow(*least_used, false);
  }
  return true;
}

void Tunnel::handle_echo(const netstack::EchoRequest& request, Instant now) {
  const auto engineer = node_.peer_at(request.remote);
  if (!engineer) return;
  const std::uint8_t protocol = request.remote.is_v4() ? icmp_protocol : icmp_v6_protocol;
  std::optional<pair::RefusedFor> refused;
  if (!services_.ping) {
    refused = pair::RefusedFor::service;
  } else if (!node_.filter_allows(request.remote, request.local, protocol, 0)) {
    refused = pair::RefusedFor::filter;
  } else if (echoes_.size() >= echoes_max || !may_ask(node_.login_of(*engineer), netstack::Transport::udp, now)) {
    refused = pair::RefusedFor::too_many;
  }
  if (refused) return note_refused(request.remote, pair::Protocol::icmp, 0, *refused, now);
  const pair::RequestId id = next_request();
  echoes_.emplace(id, request.echo);
  send_to_gate(pair::PingDevice{id, *engineer, static_cast<std::uint16_t>(request.bytes)});  // of one datagram
}

void Tunnel::device_datagram_too_large(netstack::FlowId id, Instant now) {
  if (const Flow* flow = flows_.find(id)) note_too_large(*flow, now);
  settle(now);
}

void Tunnel::note_too_large(const Flow& flow, Instant now) {
  note_refused(flow.from_engineer.address, pair::Protocol::udp, flow.to_device.port, pair::RefusedFor::too_large, now);
}

void Tunnel::note_refused(const IpAddress& remote, pair::Protocol protocol, std::uint16_t port, pair::RefusedFor why,
                          Instant now) {
  if (const auto engineer = node_.peer_at(remote)) refusals_.note(*engineer, protocol, port, why, now);
}

// Datagrams and pings leave a quarter to connections.
bool Tunnel::may_ask(const std::string& person, netstack::Transport transport, Instant now) {
  const auto [found, is_new] =
      requests_of_one_.try_emplace(person, requests_of_one_burst, requests_of_one_interval, now);
  const bool leaves_some = transport == netstack::Transport::udp;
  return found->second.take(now, leaves_some ? requests_of_one_burst / 4 : 0) &&
         requests_.take(now, leaves_some ? requests_burst / 4 : 0);
}

void Tunnel::close_flow(netstack::FlowId id, bool reset) {
  Flow* flow = flows_.find(id);
  if (!flow || (flow->stage == FlowStage::ending && !reset)) return;
  if (flow->stage != FlowStage::dialling) tell(CloseFlow{id, reset});
  if (flow->stage == FlowStage::open && flow->transport == netstack::Transport::tcp && !reset) {
    flow->stage = FlowStage::ending;
    flow->ftp.reset();
    return;
  }
  forget_flow(*flow);
}

void Tunnel::reset_flows(bool (*is_meant)(const Flow&)) {
  std::vector<netstack::FlowId> ids;
  for (const auto& [id, flow] : flows_) {
    if (is_meant(flow)) ids.push_back(id);
  }
  for (const netstack::FlowId id : ids) close_flow(id, true);
}

// Only now may the gate give its place to another one: till then there was a socket.
void Tunnel::forget_flow(const Flow& flow) {
  if (flow.stage != FlowStage::dialling) {
    send_to_gate(pair::FlowClosed{flow.request, flow.bytes_to_device, flow.bytes_to_engineer});
  }
  flows_.remove(flow.id);
}

void Tunnel::close_flows_of(const std::vector<IpAddress>& addresses, Instant now) {
  const auto is_theirs = [&](const Flow& flow) {
    return std::ranges::find(addresses, flow.from_engineer.address) != addresses.end();
  };
  cut_flows(is_theirs, now);
  for (const IpAddress& address : addresses) stack_.forget_fragments_of(address);
}

void Tunnel::close_flows_that_may_not_pass(Instant now) {
  cut_flows([&](const Flow& flow) { return !passes_filter(flow.transport, flow.from_engineer, flow.to_device); }, now);
}

bool Tunnel::passes_filter(netstack::Transport transport, const Endpoint& from, const Endpoint& to) const {
  const std::uint8_t protocol = transport == netstack::Transport::tcp ? tcp_protocol : udp_protocol;
  return node_.filter_allows(from.address, to.address, protocol, to.port);
}

template <class Predicate>
void Tunnel::cut_flows(Predicate is_over, Instant now) {
  std::vector<netstack::FlowId> ids;
  for (const auto& [id, flow] : flows_) {
    if (is_over(flow)) ids.push_back(id);
  }
  for (const netstack::FlowId id : ids) {
    stack_.abort(id, now);
    close_flow(id, true);
  }
}

}  // namespace quoin::tunnel
