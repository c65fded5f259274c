// UDP (RFC 768; over IPv6 RFC 8200, section 8.1).
//
//   | source port | destination port || length | checksum || data ...          8 bytes of header
//
// The length must be what IP carried, to the byte. A checksum of zero means "none" and is taken over IPv4 only.
#pragma once

#include <cstdint>
#include <optional>

#include "base/address.h"
#include "base/bytes.h"
#include "netstack/wire/checksum.h"
#include "netstack/wire/ip.h"

namespace quoin::netstack {

constexpr std::size_t udp_header_bytes = 8;
constexpr std::size_t udp_data_bytes_max = 65'507;  // over IPv4: 65,535 less both headers

struct UdpDatagram {
  std::uint16_t source_port;
  std::uint16_t destination_port;
  Bytes data;
};

std::optional<UdpDatagram> parse_udp(const IpPacket& packet);

// The header of a datagram with `data`, which follows it. Sums the data; the caller copies it.
std::array<std::byte, udp_header_bytes> udp_header(const Endpoint& source, const Endpoint& destination, Bytes data);

}  // namespace quoin::netstack
