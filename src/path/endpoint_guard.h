// Which addresses this host may send to because somebody remote named them.
//
// The network map, a peer's CallMeMaybe, the source of a ping and a relay map all name addresses. Followed blindly, a
// rogue engineer or control server could make an agent send datagrams into the customer's LAN. So an address counts
// only if it is public: not private, shared, loopback, link-local, multicast, broadcast, reserved, unspecified, not
// IPv6 that carries an IPv4 address, and not inside a prefix of any interface of this host. Documentation ranges pass:
// laboratories use them. For relays and STUN servers, and only for them, the person at the agent may vouch for
// addresses that would otherwise be refused.
//
// It knows nothing but addresses, so that the gate, which dials relays for its tunnels, links the same code.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"

namespace quoin::path {

enum class EndpointUse : std::uint8_t {
  peer,           // a node's address: from the map, a CallMeMaybe, or the source of a datagram
  relay_or_stun,  // a server that the relay map names
};

enum class Refusal : std::uint8_t {
  port_zero,
  unspecified,
  loopback,
  link_local,
  multicast,
  broadcast,    // 255.255.255.255; a network's own broadcast lies in an own prefix
  private_use,  // RFC 1918, ULA, and the old site-local block
  shared_nat,   // RFC 6598, which is also the overlay's own range
  reserved,     // whatever the registries keep from global use
  embeds_v4,    // 6to4, Teredo, NAT64 and their like
  own_prefix,   // inside a network that this host is attached to
};

std::string_view text(Refusal refusal);  // "a private address"

class EndpointGuard {
 public:
  static constexpr std::size_t prefixes_max = 256;  // of either list; a caller with more has a mistake of its own

  EndpointGuard() = default;  // knows no interface and nobody's word
  EndpointGuard(std::vector<Prefix> own_prefixes, std::vector<Prefix> allowed_private);

  void set_own_prefixes(std::vector<Prefix> prefixes);  // of every interface of this host; replaces the earlier ones

  // Why not, or nothing if the endpoint may be sent to.
  std::optional<Refusal> refuses(const Endpoint& endpoint, EndpointUse use) const;
  bool allows(const Endpoint& endpoint, EndpointUse use) const { return !refuses(endpoint, use); }

 private:
  std::vector<Prefix> own_prefixes_;
  std::vector<Prefix> allowed_private_;
};

// The part that depends on the address alone. Own endpoints that STUN reports are judged by it before publishing.
std::optional<Refusal> not_public(const IpAddress& address);

}  // namespace quoin::path
