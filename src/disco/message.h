// disco's messages, as they stand inside the envelope (Tailscale, disco/disco.go).
//
//     | u8 type | u8 version = 0 | body |
//
//     01 Ping         | 12 transaction | 32 sender's node key | zero padding |     key and padding may be missing
//     02 Pong         | 12 transaction | 16 address | u16 port |                   the ping's source, as it was seen
//     03 CallMeMaybe  | N times: 16 address | u16 port |                           only through a relay
//
// Addresses are IPv6, IPv4 as ::ffff:a.b.c.d. Types 04 to 09 belong to UDP relays; they, any other type and any other
// version are recognised as such and otherwise ignored. Bytes after a known body are ignored, as other nodes do.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"
#include "crypto/keys.h"

namespace quoin::disco {

constexpr std::size_t transaction_bytes = 12;
constexpr std::size_t call_me_maybe_endpoints_max = 64;  // further ones are not read

using Transaction = std::array<std::byte, transaction_bytes>;

struct Ping {
  Transaction transaction{};
  std::optional<crypto::NodePublicKey> node_key;  // always sent by us
  std::size_t padding_bytes = 0;                  // behind the key; written only if there is one
  bool operator==(const Ping&) const = default;
};
struct Pong {
  Transaction transaction{};
  Endpoint source;
  bool operator==(const Pong&) const = default;
};
struct CallMeMaybe {
  std::vector<Endpoint> endpoints;
  bool operator==(const CallMeMaybe&) const = default;
};
struct Ignored {  // of a type or version that we do not speak
  std::uint8_t type = 0;
  bool operator==(const Ignored&) const = default;
};
using Message = std::variant<Ping, Pong, CallMeMaybe, Ignored>;

enum class ParseError : std::uint8_t {
  truncated,  // shorter than its type's body
  uneven,     // a CallMeMaybe that ends inside an endpoint
};

Result<Message, ParseError> parse(Bytes payload);

Buffer encode(const Ping& ping);
Buffer encode(const Pong& pong);
Buffer encode(const CallMeMaybe& message);  // at most call_me_maybe_endpoints_max endpoints are written

// The source that a Pong names when the ping came through a relay: 127.3.3.40, with the region as its port.
Endpoint relay_pseudo_endpoint(std::uint16_t region);

}  // namespace quoin::disco
