// IPv4 (RFC 791) and IPv6 (RFC 8200) headers: one parser that takes only what the stack can mean, one builder.
//
//   IPv4  |ver 4|ihl 5|  tos  | total length || identification |flags| offset || ttl | protocol | checksum ||
//         source || destination                                                                     20 bytes
//   IPv6  |ver 6|class| flow label || payload length | next header | hop limit || source (16) || destination (16)
//                                                                                                   40 bytes
//
// Options, extension headers and fragments are refused, every one: no honest tunnel peer sends them to a node of this
// kind (its packets are at most 1280 bytes), and each is a way to say one thing to a filter and another to a stack.
// One leniency: a packet may be followed by zeros, because WireGuard pads to 16 bytes; the length field decides.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"

namespace quoin::netstack {

// The protocol numbers that mean something here (IANA protocol-numbers).
struct IpProtocol {
  static constexpr std::uint8_t icmp = 1;
  static constexpr std::uint8_t tcp = 6;
  static constexpr std::uint8_t udp = 17;
  static constexpr std::uint8_t icmpv6 = 58;
  static constexpr std::uint8_t tsmp = 99;  // "any private encryption scheme"; Tailscale's TSMP uses it
};

enum class IpRefusal : std::uint8_t {
  short_packet,      // shorter than its header or than its length field
  version,           // neither 4 nor 6
  options,           // IPv4 options
  extension_header,  // IPv6 hop-by-hop, routing, destination options, authentication, ...
  fragment,          // of either version, first ones too; also the reserved flag
  header_checksum,   // IPv4
  hop_limit,         // zero
};
constexpr std::size_t ip_refusals = 7;

constexpr std::size_t ipv4_header_bytes = 20;
constexpr std::size_t ipv6_header_bytes = 40;
constexpr std::size_t ip_header_bytes(IpVersion version) {
  return version == IpVersion::v4 ? ipv4_header_bytes : ipv6_header_bytes;
}

struct IpPacket {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol;
  std::uint8_t hop_limit;
  Bytes header;   // borrowed from the packet, like
  Bytes payload;  // what the length field covers, without WireGuard's padding
  Bytes whole() const { return {header.data(), header.size() + payload.size()}; }
};

Result<IpPacket, IpRefusal> parse_ip(Bytes packet);

struct IpHeader {
  IpAddress source;
  IpAddress destination;  // of the same version
  std::uint8_t protocol;
  std::size_t payload_bytes;
  std::uint8_t hop_limit = 64;
  // IPv4 only. An atomic datagram has identification zero and may not be fragmented (RFC 6864).
  std::uint16_t identification = 0;
  bool dont_fragment = true;
  bool more_fragments = false;
  std::size_t fragment_offset = 0;  // bytes, a multiple of 8
};

// Fills the first ip_header_bytes of the packet, header checksum included.
void write_ip_header(MutableBytes packet, const IpHeader& header);

}  // namespace quoin::netstack
