#include "gate/endpoint_sockets.h"

#include <algorithm>

namespace quoin::gate {

void EndpointSockets::bound(const UdpBound& sockets) {
  give_up_connecting();
  disconnect_all();
  close_bound();
  ipv4_ = sockets.ipv4;
  ipv6_ = sockets.ipv6;
  std::vector<Descriptor> descriptors;
  for (const auto& socket : {ipv4_, ipv6_}) {
    if (socket) descriptors.push_back({DescriptorKind::copy, *socket});
  }
  desk_.send(session_, pair::UdpSockets{ipv4_.has_value(), ipv6_.has_value()}, std::move(descriptors));
}

// Relays and STUN servers that the person at the agent vouched for are among those that may be sent to; a device never
// is, whoever vouched for its address.
bool EndpointSockets::may_be_sent_to(const Endpoint& endpoint) const {
  if (std::ranges::find(desk_.config.devices, endpoint.address, &DeviceConfig::address) != desk_.config.devices.end()) {
    return false;
  }
  return desk_.endpoints().allows(endpoint, path::EndpointUse::relay_or_stun);
}

void EndpointSockets::handle(const pair::WantEndpoint& request, Instant now) {
  disconnect(request.endpoint);
  const auto& beside = request.endpoint.address.is_v4() ? ipv4_ : ipv6_;
  if (!desk_.knows_host()) return fail(request.request, pair::Unanswered::unreachable);
  if (!may_be_sent_to(request.endpoint)) return fail(request.request, pair::Unanswered::not_allowed);
  if (!beside) return fail(request.request, pair::Unanswered::unreachable);
  if (connected_.size() + connecting_.size() >= connected_max || !asked_.take(now)) {
    return fail(request.request, pair::Unanswered::too_many);
  }
  const TaskId task = desk_.new_task(session_);
  connecting_.emplace(task, Connecting{request.request, request.endpoint});
  desk_.emit(ConnectUdp{task, *beside, request.endpoint});
}

void EndpointSockets::handle(const pair::EndpointUnneeded& unneeded) {
  disconnect(unneeded.endpoint);
}

bool EndpointSockets::handle(const Dialled& result) {
  const auto found = connecting_.extract(result.task);
  if (!found) return false;
  const Connecting& connecting = found.mapped();
  disconnect(connecting.to);
  connected_.emplace(connecting.to, result.socket);
  desk_.send(session_, pair::Connected{connecting.request}, {{DescriptorKind::copy, result.socket}});
  return true;
}

bool EndpointSockets::handle(const DialFailed& result) {
  const auto found = connecting_.extract(result.task);
  if (found) fail(found.mapped().request, result.why);
  return !found.empty();
}

bool EndpointSockets::owes(pair::RequestId request) const {
  return std::ranges::any_of(connecting_, [&](const auto& each) { return each.second.request == request; });
}

void EndpointSockets::judge_anew() {
  give_up_connecting();
  disconnect_all();
}

void EndpointSockets::end() {
  for (const auto& [task, connecting] : connecting_) desk_.cancel(task);
  connecting_.clear();
  disconnect_all();
  close_bound();
}

void EndpointSockets::fail(pair::RequestId request, pair::Unanswered why) {
  desk_.send(session_, pair::Failed{request, why});
}

void EndpointSockets::disconnect(const Endpoint& endpoint) {
  if (const auto socket = connected_.extract(endpoint)) desk_.emit(DisconnectUdp{socket.mapped()});
}

void EndpointSockets::disconnect_all() {
  for (const auto& [endpoint, socket] : std::exchange(connected_, {})) desk_.emit(DisconnectUdp{socket});
}

void EndpointSockets::give_up_connecting() {
  for (const auto& [task, connecting] : std::exchange(connecting_, {})) {
    desk_.cancel(task);
    fail(connecting.request, pair::Unanswered::too_many);  // to be asked for again
  }
}

void EndpointSockets::close_bound() {
  for (auto* socket : {&ipv4_, &ipv6_}) {
    if (const auto closed = std::exchange(*socket, std::nullopt)) desk_.emit(CloseHandle{*closed});
  }
}

}  // namespace quoin::gate
