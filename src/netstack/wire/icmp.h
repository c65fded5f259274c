// ICMP (RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 4.3) and ICMPv6 (RFC 4443), as one vocabulary.
//
//   | type | code | checksum ||  identifier and sequence number, or unused  || data, or the packet that is complained
//   about
//                                                                                             8 bytes of header
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/address.h"
#include "base/bytes.h"
#include "netstack/wire/ip.h"

namespace quoin::netstack {

constexpr std::size_t icmp_header_bytes = 8;
constexpr std::size_t icmpv4_error_bytes_max = 576;   // RFC 1812, section 4.3.2.3
constexpr std::size_t icmpv6_error_bytes_max = 1280;  // RFC 4443, section 2.4 (c)

enum class IcmpUnreachable : std::uint8_t {
  host,        // 3/1,  1/3
  port,        // 3/3,  1/4
  prohibited,  // 3/13, 1/1
  too_big,     // read only: 3/4, and the type 2 of ICMPv6
  other,       // read only: network, protocol, source route, beyond scope, ...
};

struct IcmpEcho {
  bool reply;
  Bytes body;  // identifier, sequence number and data: what a reply repeats
  std::size_t data_bytes() const { return body.size() - 4; }
};

// An error about a packet that we are said to have sent: just enough of it to find the flow.
struct IcmpError {
  IcmpUnreachable what;
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint32_t sequence;  // of TCP
  std::size_t mtu;         // of the link that was too small, where too_big; 0: a router that does not say (RFC 1191)
};

// Also "of a type that means nothing here"; malformed ones and bad checksums are no message at all.
struct IcmpOther {};
using IcmpMessage = std::variant<IcmpEcho, IcmpError, IcmpOther>;

std::optional<IcmpMessage> parse_icmp(const IpPacket& packet);

// Whole packets. The reply to an echo request goes back to where it came from.
Buffer icmp_echo_reply(const IpAddress& source, const IpAddress& destination, Bytes body);
Buffer icmp_echo_request(const IpAddress& source, const IpAddress& destination, Bytes body);
// Errors quote as much of `about` as the standards allow, and come from the address that the packet was sent to.
Buffer icmp_unreachable(IcmpUnreachable what, const IpPacket& about);
// 11/1, 3/1: about a first fragment, of which the rest did not come.
Buffer icmp_reassembly_timed_out(const IpPacket& about);
constexpr std::size_t icmp_quote_bytes_max(IpVersion version) {
  const std::size_t packet_bytes_max = version == IpVersion::v4 ? icmpv4_error_bytes_max : icmpv6_error_bytes_max;
  return packet_bytes_max - ip_header_bytes(version) - icmp_header_bytes;
}

}  // namespace quoin::netstack
