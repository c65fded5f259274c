// What goes into a connection and what comes out of it: segments as values, without ports and addresses.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "netstack/tcp/options.h"

namespace quoin::netstack::tcp {

// The control bits that mean something here (RFC 9293, section 3.1). Urgent data is delivered as ordinary data and the
// bits for congestion notification are neither negotiated nor read.
struct Flags {
  bool fin = false;
  bool syn = false;
  bool rst = false;
  bool psh = false;
  bool ack = false;

  static Flags from_byte(std::uint8_t byte) {
    return {.fin = (byte & 0x01) != 0,
            .syn = (byte & 0x02) != 0,
            .rst = (byte & 0x04) != 0,
            .psh = (byte & 0x08) != 0,
            .ack = (byte & 0x10) != 0};
  }
  std::uint8_t byte() const { return static_cast<std::uint8_t>(fin | syn << 1 | rst << 2 | psh << 3 | ack << 4); }
  bool operator==(const Flags&) const = default;
};

// A segment that arrived. The caller may join neighbours of one burst into one Segment with a larger payload: the same
// flags but for a PSH or FIN on the last, each starting where the one before ended; acknowledgment, window and options
// are then the last one's. Segments with SYN, RST or SACK blocks are not joined.
struct Segment {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  Flags flags{};
  std::uint16_t window = 0;  // as on the wire, not scaled
  Options options{};
  std::span<const Bytes> payload{};  // borrowed for the call
  std::size_t largest_packet = 0;    // payload bytes of the largest packet joined here; 0: not joined

  std::size_t payload_bytes() const {
    std::size_t total = 0;
    for (const Bytes piece : payload) total += piece.size();
    return total;
  }
};

// A segment to send. A payload above `mss` is cut by the caller into packets of `mss` bytes (the last may be shorter):
// the sequence number advances with each, everything else is the same, and FIN and PSH stay on the last. The payload
// is the send queue's own memory: valid until the next call on the connection that is not const.
struct Outgoing {
  static constexpr std::size_t payload_bytes_max = 65'536;

  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  Flags flags{};
  std::uint16_t window = 0;
  Options options{};
  std::array<Bytes, 2> payload{};
  std::size_t mss = 0;  // payload bytes per packet; options are already taken off

  std::size_t payload_bytes() const { return payload[0].size() + payload[1].size(); }
};

}  // namespace quoin::netstack::tcp
