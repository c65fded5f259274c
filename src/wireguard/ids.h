// Names of things, each a type of its own.
#pragma once

#include <compare>
#include <cstdint>

namespace quoin::wireguard {

// A peer of one Interface, from add_peer until remove_peer. Never reused.
struct PeerId {
  std::uint64_t value = 0;
  auto operator<=>(const PeerId&) const = default;
};

// Names a handshake or a session towards its receiver, who chose it at random (WireGuard paper, section 5.4).
struct SessionIndex {
  std::uint32_t value = 0;
  auto operator<=>(const SessionIndex&) const = default;
};

enum class Role : std::uint8_t { initiator, responder };

}  // namespace quoin::wireguard
