// The two questions "who has this address?" and their answers, as bytes (ARP, RFC 826; neighbour solicitations and
// advertisements, RFC 4861, sections 4.3 and 4.4). Anybody on the link can send us these.
//
// ARP packet without its Ethernet header, for IPv4 over Ethernet:
//
//      0: hardware type 1      2: protocol type 0x0800     4: address lengths 6 and 4     6: operation
//      8: sender's MAC        14: sender's address        18: target's MAC               24: target's address
//
// Solicitation and advertisement, behind the IPv6 header:
//
//      0: type 135 or 136, code 0, checksum     4: flags     8: target     24: options (type, length in 8 bytes, value)
#pragma once

#include <optional>

#include "base/address.h"
#include "base/bytes.h"
#include "io/neighbour.h"

namespace quoin::io {

struct NeighbourAddresses {
  MacBytes mac;
  IpAddress address;
};

Buffer arp_request(const NeighbourAddresses& own, const IpAddress& wanted);
// Who says in this packet that the address is his; in requests and announcements, too (RFC 5227, section 2.4).
std::optional<MacBytes> claimant_in_arp(Bytes packet, const IpAddress& address);

Buffer neighbour_solicitation(const MacBytes& own, const IpAddress& wanted);  // checksum left to the kernel
IpAddress solicited_node(const IpAddress& wanted);  // the group that it is sent to (RFC 4291, section 2.7.1)
// `hop_limit` is that of its IPv6 header: at 255 nobody behind a router has sent it.
std::optional<MacBytes> claimant_in_advertisement(Bytes message, int hop_limit, const IpAddress& address);

}  // namespace quoin::io
