// disco's envelope: a sealed datagram between two nodes' disco keys (Tailscale, disco/disco.go).
//
//     | 6 magic "TS" U+1F4AC | 32 sender's disco key | 24 nonce | 16 tag | payload |
//
// The sender's key travels in the clear, so that a receiver finds the shared key; who it names is proven by the box.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/random.h"
#include "crypto/box.h"
#include "crypto/keys.h"

namespace quoin::disco {

constexpr std::array<std::byte, 6> magic = {std::byte{0x54}, std::byte{0x53}, std::byte{0xf0},
                                            std::byte{0x9f}, std::byte{0x92}, std::byte{0xac}};
constexpr std::size_t nonce_bytes = 24;
constexpr std::size_t envelope_bytes_min = magic.size() + crypto::key_bytes + nonce_bytes;
constexpr std::size_t envelope_bytes_max = 4096;  // a full ping padded to a jumbo frame is longer, and we do not probe

// A ping that names its sender, in its envelope and without padding.
constexpr std::size_t whole_ping_bytes = envelope_bytes_min + 16 + 2 + 12 + crypto::key_bytes;

// By magic and length alone, as a receiver tells disco from WireGuard.
bool looks_like_disco(Bytes datagram);

struct Envelope {
  crypto::DiscoPublicKey sender;
  Bytes box;  // nonce, tag and ciphertext: what crypto::BoxKey::open takes
};

// Nothing if the datagram is not disco, or longer than any message we would read.
std::optional<Envelope> parse_envelope(Bytes datagram);

Buffer seal(const crypto::DiscoPublicKey& sender, const crypto::BoxKey& key, Bytes payload, Random& random);
Buffer seal(const crypto::DiscoPublicKey& sender, const crypto::BoxKey& key, Bytes payload,
            std::span<const std::byte, nonce_bytes> nonce);  // for known-answer tests

}  // namespace quoin::disco
