// Curve25519 keys, one type per meaning so that they cannot be confused.
//
// Text form: prefix + 64 lower-case hex digits ("nodekey:..."); parsing takes either case and the zero key, which means
// "absent" (Tailscale types/key). Private keys are clamped, move, wipe themselves and are never printed or compared.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"

namespace quoin::crypto {

constexpr std::size_t key_bytes = 32;

namespace key_details {
std::string key_text(std::string_view prefix, Bytes key);
std::optional<std::array<std::byte, key_bytes>> parse_key(std::string_view prefix, std::string_view text);
std::array<std::byte, key_bytes> base_point_multiple(Bytes clamped_private);
}  // namespace key_details

// Role names the key's meaning: it has `static constexpr std::string_view prefix`.
template <class Role>
class PublicKey {
 public:
  PublicKey() = default;  // the zero key: absent
  explicit PublicKey(const std::array<std::byte, key_bytes>& bytes) : bytes_(bytes) {}
  static std::optional<PublicKey> from_bytes(Bytes bytes) {  // exactly 32
    if (bytes.size() != key_bytes) return std::nullopt;
    return PublicKey(Reader(bytes).array<key_bytes>());
  }
  static std::optional<PublicKey> parse(std::string_view text) {
    const auto bytes = key_details::parse_key(Role::prefix, text);
    if (!bytes) return std::nullopt;
    return PublicKey(*bytes);
  }

  bool is_zero() const { return *this == PublicKey(); }
  std::span<const std::byte, key_bytes> bytes() const { return bytes_; }
  std::string text() const { return key_details::key_text(Role::prefix, bytes_); }
  auto operator<=>(const PublicKey&) const = default;

 private:
  std::array<std::byte, key_bytes> bytes_{};
};

template <class Role>
class PrivateKey {
 public:
  static PrivateKey generate(Random& random) {
    Secret<key_bytes> secret;
    random.fill(secret.writable());
    return PrivateKey(std::move(secret));
  }
  static PrivateKey from_bytes(const std::array<std::byte, key_bytes>& bytes) {
    return PrivateKey(Secret<key_bytes>(bytes));
  }

  PublicKey<Role> public_key() const { return PublicKey<Role>(key_details::base_point_multiple(secret_.bytes())); }
  std::span<const std::byte, key_bytes> secret_bytes() const { return secret_.bytes(); }
  PrivateKey copy() const { return PrivateKey(secret_.copy()); }

 private:
  explicit PrivateKey(Secret<key_bytes> secret) : secret_(std::move(secret)) {
    const auto bytes = secret_.writable();
    bytes[0] &= std::byte{248};
    bytes[31] = (bytes[31] & std::byte{127}) | std::byte{64};
  }
  Secret<key_bytes> secret_;
};

struct MachineRole {
  static constexpr std::string_view prefix = "mkey:";
};
struct NodeRole {
  static constexpr std::string_view prefix = "nodekey:";
};
struct DiscoRole {
  static constexpr std::string_view prefix = "discokey:";
};
struct ChallengeRole {
  static constexpr std::string_view prefix = "chalpub:";
};
struct EphemeralRole {
  static constexpr std::string_view prefix = "ephemeral:";
};  // handshakes; has no text form on any wire

using MachinePublicKey = PublicKey<MachineRole>;
using MachinePrivateKey = PrivateKey<MachineRole>;
using NodePublicKey = PublicKey<NodeRole>;
using NodePrivateKey = PrivateKey<NodeRole>;
using DiscoPublicKey = PublicKey<DiscoRole>;
using DiscoPrivateKey = PrivateKey<DiscoRole>;
using ChallengePublicKey = PublicKey<ChallengeRole>;
using EphemeralPublicKey = PublicKey<EphemeralRole>;
using EphemeralPrivateKey = PrivateKey<EphemeralRole>;

// X25519 (RFC 7748). Nothing if the result is all zero, which is what a low-order public key gives.
std::optional<Secret<key_bytes>> x25519(Bytes clamped_private, Bytes public_key);

// Equal-time comparison, for authenticators and secrets. Different lengths are unequal at once.
bool equal_in_constant_time(Bytes a, Bytes b);

}  // namespace quoin::crypto

template <class Role>
struct std::hash<quoin::crypto::PublicKey<Role>> {
  std::size_t operator()(const quoin::crypto::PublicKey<Role>& key) const noexcept {
    // Keys of peers are chosen by peers; use in a table only where the peers are few or already admitted.
    return static_cast<std::size_t>(quoin::Reader(key.bytes()).u64());
  }
};
