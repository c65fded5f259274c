// What the two sides tell each other at login: JSON, sealed between the node's key and the relay's.
//
// The box is the proof of identity: only who holds the node's private key can have made it, or can open the answer.
// Unknown fields are ignored, missing ones have the value that stands here (Tailscale, derp/derp.go).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/random.h"
#include "crypto/keys.h"
#include "derp/frame.h"

namespace quoin::derp {

struct ClientInfo {
  int version = protocol_version;
  bool can_ack_pings = true;
};

struct ServerInfo {
  int version = protocol_version;
  // Both above zero: the client limits itself to this and drops what is beyond.
  std::uint64_t bytes_per_second = 0;
  std::uint64_t bytes_burst = 0;
};

// The payload of a ClientInfo frame: the client's key, then the box.
std::optional<Buffer> seal_client_info(const ClientInfo& info, const crypto::NodePrivateKey& client,
                                       const RelayPublicKey& relay, Random& random);
std::optional<Buffer> seal_client_info(const ClientInfo& info, const crypto::NodePrivateKey& client,
                                       const RelayPublicKey& relay, std::span<const std::byte, 24> nonce);
std::optional<ClientInfo> open_client_info(const SealedClientInfo& sealed, const RelayPrivateKey& relay);

// The payload of a ServerInfo frame: the box.
std::optional<Buffer> seal_server_info(const ServerInfo& info, const RelayPrivateKey& relay,
                                       const crypto::NodePublicKey& client, Random& random);
std::optional<ServerInfo> open_server_info(Bytes box, const crypto::NodePrivateKey& client,
                                           const RelayPublicKey& relay);

}  // namespace quoin::derp
