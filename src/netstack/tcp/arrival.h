// A segment next to what the connection expects: its ends as positions.
#pragma once

#include "netstack/tcp/connection.h"

namespace quoin::netstack::tcp {

struct Connection::Arrival {
  const Segment& segment;
  Position start = 0;       // of the first byte, or of a SYN
  std::size_t payload = 0;  // bytes

  Position end() const { return start + payload + segment.flags.syn + segment.flags.fin; }
  bool empty() const { return end() == start; }
};

}  // namespace quoin::netstack::tcp
