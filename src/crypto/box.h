// NaCl box: curve25519-xsalsa20-poly1305, as DERP and disco use it.
//
// On the wire: 24-byte nonce, then 16-byte tag, then ciphertext. The shared key is computed once per pair (beforenm).
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"

namespace quoin::crypto {

constexpr std::size_t box_overhead = 24 + 16;

class BoxKey {
 public:
  // Nothing if the public key is of low order.
  static std::optional<BoxKey> between(Bytes clamped_private, Bytes public_key);

  Buffer seal(Bytes plain, Random& random) const;                        // nonce, tag, ciphertext
  Buffer seal(Bytes plain, std::span<const std::byte, 24> nonce) const;  // for known-answer tests
  std::optional<Buffer> open(Bytes nonce_and_box) const;
  BoxKey copy() const { return BoxKey(key_.copy()); }

 private:
  explicit BoxKey(Secret<32> key) : key_(std::move(key)) {}
  Secret<32> key_;
};

}  // namespace quoin::crypto
