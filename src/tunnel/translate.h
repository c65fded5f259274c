// The same words on both sides of the tunnel: the node's and the stack's as the pair's messages have them.
#pragma once

#include <string>
#include <variant>

#include "netstack/events.h"
#include "node/events.h"
#include "pair/messages.h"

namespace quoin::tunnel {

pair::ProblemKind to_pair(node::ProblemKind kind);
pair::PathKind to_pair(node::PathKind kind);

// What the engineer's client is told when the device cannot be reached, as a client on the LAN would be: refused is a
// reset, unreachable says so. Of a device that stayed silent nothing is heard, there as here: the client's next SYN
// asks anew, and its own patience ends it.
netstack::Refusal refusal(pair::Unanswered why, netstack::Transport transport);

// "relay derp.example:443 refused the connection"
std::string description(const std::variant<node::ControlStream, node::RelayStream>& to, pair::Unanswered why);

}  // namespace quoin::tunnel
