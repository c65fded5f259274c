// Sequence numbers without wraparound (RFC 9293, section 3.4).
//
// On the wire a sequence number has 32 bits and wraps. Inside the core a Position has 64 bits, its low 32 bits are the
// number on the wire, and it never wraps: every comparison is the plain one. A connection starts at 2^32 plus its
// initial sequence number, so that positions before the start exist too. The only places that know of wrapping are the
// two functions below; numbers are unwrapped next to a position that the connection itself knows to be near.
#pragma once

#include <cstdint>

namespace quoin::netstack::tcp {

using Position = std::uint64_t;

constexpr Position first_position(std::uint32_t initial_sequence) {
  return (Position{1} << 32) + initial_sequence;
}
constexpr std::uint32_t on_wire(Position position) {
  return static_cast<std::uint32_t>(position);
}
// The position with this number on the wire that is nearest to `near`: within 2^31 of it.
constexpr Position unwrap(Position near, std::uint32_t number) {
  return near + static_cast<Position>(static_cast<std::int64_t>(static_cast<std::int32_t>(number - on_wire(near))));
}

// Timestamps wrap as well and are only compared with one another (RFC 7323, section 5.2).
constexpr bool timestamp_before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace quoin::netstack::tcp
