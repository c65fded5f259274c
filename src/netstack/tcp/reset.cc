#include "netstack/tcp/reset.h"

namespace quoin::netstack::tcp {

std::optional<Outgoing> reset_for(const Segment& segment) {
  if (segment.flags.rst) return std::nullopt;
  if (segment.flags.ack) return Outgoing{.sequence = segment.acknowledgment, .flags = {.rst = true}};
  const std::uint32_t length =
      static_cast<std::uint32_t>(segment.payload_bytes()) + segment.flags.syn + segment.flags.fin;
  return Outgoing{.acknowledgment = segment.sequence + length, .flags = {.rst = true, .ack = true}};
}

}  // namespace quoin::netstack::tcp
