// Where a datagram came from, as far as WireGuard cares: somewhere an answer can go back to, and something to count by.
//
// WireGuard does not look inside. Cookies are bound to every byte of a source (WireGuard paper, section 5.4.7), rate
// limits to the part of it that an attacker cannot vary for free: an IPv4 address, an IPv6 /64, a key at a relay.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <variant>

#include "base/address.h"
#include "base/bytes.h"
#include "crypto/keys.h"

namespace quoin::wireguard {

// A node that is reached through a relay; the relay vouches for its key.
struct RelayedNode {
  std::uint16_t region = 0;
  crypto::NodePublicKey node;
  auto operator<=>(const RelayedNode&) const = default;
};

class Source {
 public:
  static constexpr std::size_t cookie_bytes = 35;  // kind, then address and port or region and key
  static constexpr std::size_t limit_bytes = 33;   // kind, then what is counted

  explicit Source(const Endpoint& udp) : place_(udp) {}
  explicit Source(const RelayedNode& relayed) : place_(relayed) {}

  const Endpoint* udp() const { return std::get_if<Endpoint>(&place_); }            // null when relayed
  const RelayedNode* relayed() const { return std::get_if<RelayedNode>(&place_); }  // null when by UDP

  std::array<std::byte, cookie_bytes> bytes_for_cookie() const;
  std::array<std::byte, limit_bytes> bytes_for_limit() const;
  auto operator<=>(const Source&) const = default;

 private:
  std::variant<Endpoint, RelayedNode> place_;
};

}  // namespace quoin::wireguard
