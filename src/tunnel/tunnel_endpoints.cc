// Which datagrams may leave, and by which sockets: a node's runs on one side, the endpoints that the gate has connected
// on the other.
#include "tunnel/tunnel.h"

namespace quoin::tunnel {

std::optional<node::UdpRun> Tunnel::poll_udp(Instant now) {
  for (;;) {
    if (now >= deadline_) begin_closing(EndReason::deadline, now);
    if (auto run = endpoints_.poll_released()) return run;
    if (const auto run = node_.poll_udp()) {
      if (may_leave(*run, now)) return run;
      continue;
    }
    if (closing_ || !node_.wants_packets(now)) return std::nullopt;
    batch_.clear();
    const bool any = stack_.poll_transmit(batch_, now);
    if (any) node_.send(batch_, now);
    settle(now);  // either may have had something to say
    if (!any) return std::nullopt;
  }
}

bool Tunnel::may_leave(const node::UdpRun& run, Instant now) {
  if (closing_) return false;
  const Endpoints::Verdict verdict = endpoints_.judge(run, now);
  give_back_endpoints();
  switch (verdict) {
    case Endpoints::Verdict::ready: return true;
    case Endpoints::Verdict::wanted: {
      const pair::RequestId request = next_request();
      endpoints_.asked(run.to, request);
      send_to_gate(pair::WantEndpoint{request, run.to});
      return false;
    }
    case Endpoints::Verdict::no_way: node_.udp_unreachable(run.to, now); return false;
    case Endpoints::Verdict::waits:
    case Endpoints::Verdict::dropped: return false;
  }
  return false;
}

void Tunnel::forget_endpoint_sockets() {
  for (const Endpoint& endpoint : endpoints_.forget_connected()) tell(CloseEndpoint{endpoint});
}

void Tunnel::give_back_endpoints() {
  while (const auto endpoint = endpoints_.poll_given_back()) {
    tell(CloseEndpoint{*endpoint});
    send_to_gate(pair::EndpointUnneeded{*endpoint});
  }
}

}  // namespace quoin::tunnel
