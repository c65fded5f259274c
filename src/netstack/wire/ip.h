// IPv4 (RFC 791) and IPv6 (RFC 8200) headers: one parser that takes only what the stack can mean, one builder.
//
//   IPv4  |ver 4|ihl 5|  tos  | total length || identification |flags| offset || ttl | protocol | checksum ||
//         source || destination                                                                     20 bytes
//   IPv6  |ver 6|class| flow label || payload length | next header | hop limit || source (16) || destination (16)
//                                                                                                   40 bytes
//
// Options and extension headers are refused, every one: no honest tunnel peer sends them to a node of this kind, and
// each is a way to say one thing to a filter and another to a stack. A fragment is no packet here: parse_fragment reads
// it, and only the datagram that all of them make up (reassembly.h) is looked at as one. Of the two the fields are
//
//   IPv4  in the header  | identification (16) | 0 DF MF | offset (13, in units of 8 bytes) |
//   IPv6  behind it      | next header | 0 || offset (13) | 0 0 M || identification (32) |             8 bytes
//
// One leniency: a packet may be followed by zeros, because WireGuard pads to 16 bytes; the length field decides.
#pragma once

#include <cstdint>
#include <vector>

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
  fragment,          // where a whole packet is meant; or one with the reserved flag, an odd length, or a wrong end
  header_checksum,   // IPv4
  hop_limit,         // zero
};
constexpr std::size_t ip_refusals = 7;

constexpr std::size_t ipv4_header_bytes = 20;
constexpr std::size_t ipv6_header_bytes = 40;
constexpr std::size_t ipv6_fragment_header_bytes = 8;
constexpr std::size_t ip_bytes_max = 65'535;  // an IPv4 packet, or what follows an IPv6 header
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

// A whole packet. A fragment, the first one too, is refused as such.
Result<IpPacket, IpRefusal> parse_ip(Bytes packet);

struct IpFragment {
  IpPacket packet;  // its header has IPv6's fragment header at its end; its protocol is what that one says
  std::uint32_t identification;
  std::size_t offset;  // bytes, a multiple of 8
  bool more;           // it is not the last; then its payload is a multiple of 8 as well
  std::size_t end() const { return offset + packet.payload.size(); }
};

// What parse_ip refuses as a fragment, if it can be one: never empty, and no longer a datagram's than 65,535 bytes. Of
// IPv6 also the one that is a datagram by itself (RFC 6946).
Result<IpFragment, IpRefusal> parse_fragment(Bytes packet);

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

// An IPv4 packet of ours as fragments, each as long as the mtu lets it.
std::vector<Buffer> ipv4_fragments(Bytes packet, std::size_t mtu, std::uint16_t identification);

}  // namespace quoin::netstack
