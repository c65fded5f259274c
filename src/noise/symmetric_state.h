// The symmetric half of a Noise handshake: the running hash h, the chaining key ck and the key of the moment.
//
// Noise Protocol Framework, revision 34, sections 5.1 and 5.2, with the one suite that both of our protocols use
// (25519, ChaChaPoly, BLAKE2s). The patterns stand elsewhere: ts2021's Noise_IK in client_handshake.cc and
// server_handshake.cc, WireGuard's Noise_IKpsk2 in its own layer. Both first encrypt after a key was mixed, so the
// specification's "empty key passes plaintext through" does not exist here: encrypting before mix_key is our own
// mistake.
//
// Nonces in here count from zero in little endian, as the specification says.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

namespace quoin::noise {

// What Split() gives: one key for each direction, to be used with counters that start at zero.
struct SplitKeys {
  crypto::AeadKey initiator_to_responder;
  crypto::AeadKey responder_to_initiator;
};

class SymmetricState {
 public:
  // h = ck = HASH(protocol name); every name used here is longer than 32 bytes.
  explicit SymmetricState(std::string_view protocol_name);

  void mix_hash(Bytes data);         // h = HASH(h || data)
  void mix_key(Bytes input);         // ck, k = HKDF(ck, input)
  void mix_key_and_hash(Bytes psk);  // ck, t, k = HKDF(ck, psk); h = HASH(h || t)
  // mix_key(DH(private, public)). False, and nothing mixed, if the result is all zero: a low-order public key.
  [[nodiscard]] bool mix_dh(Bytes clamped_private, Bytes public_key);

  // In place: plaintext followed by 16 bytes of room for the tag. Associated data is h; the ciphertext is mixed in.
  void encrypt_and_hash(MutableBytes text);
  // In place: ciphertext followed by its tag; the plaintext is all but the last 16 bytes. False if it does not
  // authenticate: then h and k are as before, and the text holds nothing of use.
  [[nodiscard]] bool decrypt_and_hash(MutableBytes text);

  SplitKeys split() const;
  const crypto::Hash& hash() const { return hash_; }

  // A second state that goes on from here: for trying a message that may be forged, or a prefix computed once.
  SymmetricState copy() const;

 private:
  SymmetricState() = default;
  crypto::AeadNonce nonce() const { return crypto::counter_nonce(counter_, Endian::little); }

  crypto::Hash hash_;
  Secret<32> chaining_key_;
  crypto::AeadKey key_;
  bool has_key_ = false;
  std::uint64_t counter_ = 0;
};

}  // namespace quoin::noise
