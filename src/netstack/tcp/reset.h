// The reset that answers a segment for which there is no connection (RFC 9293, section 3.10.7.1), also the refusal of
// a SYN.
#pragma once

#include <optional>

#include "netstack/tcp/segment.h"

namespace quoin::netstack::tcp {

std::optional<Outgoing> reset_for(const Segment& segment);  // nothing answers a reset

}  // namespace quoin::netstack::tcp
