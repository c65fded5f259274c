// The WireGuard handshake: Noise IKpsk2 over Curve25519, ChaCha20-Poly1305 and BLAKE2s (WireGuard paper, section 5.4).
//
// One round trip. The initiator knows the responder's static key; its own travels sealed, with a timestamp against
// replay. Both ends then hold the same two keys, one per direction, and each has proved to know its static private key.
//
//     create_initiation  ->  open_initiation          who wants to talk? (one DH)
//                            authenticate_initiation  and can they prove it? (one DH, or one kept from before)
//     consume_response   <-  create_response
//
// Functions from values to values: no tables, no time, no macs. The caller draws the ephemeral keys.
#pragma once

#include <array>
#include <optional>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "wireguard/ids.h"
#include "wireguard/messages.h"
#include "wireguard/tai64n.h"

namespace quoin::wireguard {

enum class HandshakeError : std::uint8_t {
  low_order_key,  // a shared secret would be zero
  not_authentic,  // something does not open
};

// Our own static key pair.
struct LocalIdentity {
  crypto::NodePrivateKey private_key;
  crypto::NodePublicKey public_key;

  explicit LocalIdentity(crypto::NodePrivateKey key)
      : private_key(std::move(key)), public_key(private_key.public_key()) {}
};

// A peer's static key, with what both sides can compute beforehand.
struct RemoteIdentity {
  crypto::NodePublicKey public_key;
  Secret<32> static_static;  // DH of both static keys
  Secret<32> preshared;      // zeros unless both ends share a key of their own

  static Result<RemoteIdentity, HandshakeError> make(const LocalIdentity& self, const crypto::NodePublicKey& key);
};

// Noise's running hash and chaining key.
struct Transcript {
  crypto::Hash hash{};
  Secret<32> chaining_key;
};

struct SessionKeys {
  crypto::AeadKey send;
  crypto::AeadKey receive;
};

// The initiator's memory between its two messages.
struct SentInitiation {
  SessionIndex sender;
  Transcript transcript;
  crypto::EphemeralPrivateKey ephemeral;
};

// The responder's memory of an initiation that it has not answered yet.
struct ReceivedInitiation {
  SessionIndex sender;
  Transcript transcript;
  crypto::EphemeralPublicKey ephemeral;
  crypto::NodePublicKey static_key;  // claimed until authenticate_initiation has succeeded
};

struct CreatedInitiation {
  SentInitiation state;
  InitiationBytes message;  // macs zero
};
struct CreatedResponse {
  SessionKeys keys;
  ResponseBytes message;  // macs zero
};

Result<CreatedInitiation, HandshakeError> create_initiation(const LocalIdentity& self, const RemoteIdentity& remote,
                                                            SessionIndex sender, const Tai64n& timestamp,
                                                            crypto::EphemeralPrivateKey ephemeral);

Result<ReceivedInitiation, HandshakeError> open_initiation(const LocalIdentity& self, const Initiation& message);
Result<Tai64n, HandshakeError> authenticate_initiation(ReceivedInitiation& initiation, const RemoteIdentity& remote,
                                                       const Initiation& message);
Result<CreatedResponse, HandshakeError> create_response(ReceivedInitiation& initiation, const RemoteIdentity& remote,
                                                        SessionIndex sender,
                                                        const crypto::EphemeralPrivateKey& ephemeral);

// Leaves `sent` as it is, so that a forged response does not spoil the handshake for the true one.
Result<SessionKeys, HandshakeError> consume_response(const SentInitiation& sent, const LocalIdentity& self,
                                                     const RemoteIdentity& remote, const Response& message);

}  // namespace quoin::wireguard
