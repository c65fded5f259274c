// Opening a connection: SYN-SENT, and simultaneous open (RFC 9293, sections 3.5 and 3.10.7.3).
//
// An archive of its own (netstack_active), so that a program which only answers has no code that could start anything.
#pragma once

#include "base/time.h"
#include "netstack/tcp/connection.h"

namespace quoin::netstack::tcp {

// The SYN is the first thing that poll_transmit yields.
Connection connect(const Config& config, Instant now);

}  // namespace quoin::netstack::tcp
