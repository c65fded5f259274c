#include "tunnel/translate.h"

#include <utility>

namespace quoin::tunnel {

pair::ProblemKind to_pair(node::ProblemKind kind) {
  switch (kind) {
    case node::ProblemKind::control_unreachable: return pair::ProblemKind::control_unreachable;
    case node::ProblemKind::not_a_control_server: return pair::ProblemKind::not_a_control_server;
    case node::ProblemKind::control_certificate: return pair::ProblemKind::control_certificate;
    case node::ProblemKind::control_key: return pair::ProblemKind::control_key;
    case node::ProblemKind::join_key_refused: return pair::ProblemKind::join_key_refused;
    case node::ProblemKind::relay_unreachable: return pair::ProblemKind::relay_unreachable;
    case node::ProblemKind::relay_certificate: return pair::ProblemKind::relay_certificate;
    case node::ProblemKind::forgotten: return pair::ProblemKind::forgotten;
    case node::ProblemKind::control_map: return pair::ProblemKind::control_map;
  }
  std::unreachable();
}

pair::PathKind to_pair(node::PathKind kind) {
  switch (kind) {
    case node::PathKind::none: return pair::PathKind::none;
    case node::PathKind::relay: return pair::PathKind::relay;
    case node::PathKind::direct: return pair::PathKind::direct;
    case node::PathKind::relay_past_narrow: return pair::PathKind::relay_past_narrow;
  }
  std::unreachable();
}

netstack::Refusal refusal(pair::Unanswered why, netstack::Transport transport) {
  switch (why) {
    case pair::Unanswered::unreachable:
    case pair::Unanswered::identity_changed: return netstack::Refusal::host_unreachable;
    case pair::Unanswered::timed_out: return netstack::Refusal::silent;
    case pair::Unanswered::refused:
    case pair::Unanswered::not_allowed:
    case pair::Unanswered::not_resolved:
    case pair::Unanswered::names_unanswered:
    case pair::Unanswered::behind_proxy:
    case pair::Unanswered::too_many:
      return transport == netstack::Transport::tcp ? netstack::Refusal::reset : netstack::Refusal::port_unreachable;
  }
  std::unreachable();
}

std::string description(const std::variant<node::ControlStream, node::RelayStream>& to, pair::Unanswered why) {
  std::string who = "the control server";
  if (const auto* relay = std::get_if<node::RelayStream>(&to))
    who = "the relay " + relay->host + ":" + std::to_string(relay->port);
  switch (why) {
    case pair::Unanswered::refused: return who + " refused the connection";
    case pair::Unanswered::unreachable: return who + " cannot be reached: no route to it";
    case pair::Unanswered::timed_out: return who + " did not answer in time";
    case pair::Unanswered::not_allowed:
      return who + " has an address that must not be contacted from here" +
             (std::holds_alternative<node::ControlStream>(to)
                  ? ": put the address itself into control.url, or list it in relay.allow"
                  : "");
    case pair::Unanswered::not_resolved: return who + ": its name has no address";
    case pair::Unanswered::names_unanswered:
      return who + ": no name server has an answer for its name; check the name servers in /etc/resolv.conf";
    case pair::Unanswered::behind_proxy: return who + " cannot be reached through the proxy";
    case pair::Unanswered::identity_changed:
    case pair::Unanswered::too_many: return who + ": too many connections at once";
  }
  std::unreachable();
}

}  // namespace quoin::tunnel
