// Where a datagram came from, or where it goes: an address on the internet, or a peer as a relay's region reaches it.
#pragma once

#include <cstdint>
#include <variant>

#include "base/address.h"
#include "base/bytes.h"
#include "crypto/keys.h"

namespace quoin::path {

using RegionId = std::uint16_t;  // of a relay map; 0 means unknown

struct ViaRelay {
  RegionId region = 0;
  crypto::NodePublicKey peer;  // arriving: the sender, as the relay says; leaving: the receiver
  auto operator<=>(const ViaRelay&) const = default;
};

using Place = std::variant<Endpoint, ViaRelay>;

// What an address that something is sent to is known from: how far somebody can bring that about who proves nothing.
enum class Origin : std::uint8_t {
  named,     // the network map, a CallMeMaybe or the relay map has it, or a pong has proven it
  source,    // something authentic came from there; whoever is on the way could have sent it on from elsewhere
  stranger,  // nothing authentic came from there
};

struct Transmit {
  Place to;  // an Endpoint leaves through the UDP socket of its own address family
  Buffer datagram;
  Origin origin = Origin::named;
};

}  // namespace quoin::path
