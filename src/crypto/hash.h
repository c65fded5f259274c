// BLAKE2s (RFC 7693), HMAC-BLAKE2s and the HKDF that Noise and WireGuard build on it; SipHash for tables; SHA-256 for
// chains.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"

namespace quoin::crypto {

using Hash = std::array<std::byte, 32>;

Hash blake2s(std::initializer_list<Bytes> parts);                                      // unkeyed, 32 bytes
std::array<std::byte, 16> blake2s_mac(Bytes key, std::initializer_list<Bytes> parts);  // keyed, 16 bytes; key up to 32
Secret<32> hmac_blake2s(Bytes key, std::initializer_list<Bytes> parts);

// HKDF with an empty info (Noise, section 4.3): N outputs of 32 bytes from a 32-byte chaining key and any input key
// material.
template <std::size_t N>
std::array<Secret<32>, N> hkdf_blake2s(Bytes chaining_key, Bytes input);
extern template std::array<Secret<32>, 1> hkdf_blake2s<1>(Bytes, Bytes);
extern template std::array<Secret<32>, 2> hkdf_blake2s<2>(Bytes, Bytes);
extern template std::array<Secret<32>, 3> hkdf_blake2s<3>(Bytes, Bytes);

Hash sha256(std::initializer_list<Bytes> parts);

// SipHash-2-4 under a random key, for tables whose keys an attacker chooses.
class SipHash {
 public:
  explicit SipHash(Random& random) : key_(random.array<16>()) {}
  std::uint64_t operator()(Bytes bytes) const;

 private:
  std::array<std::byte, 16> key_;
};

}  // namespace quoin::crypto
