#include "crypto/keys.h"

#include <sodium.h>

namespace quoin::crypto {

std::string key_details::key_text(std::string_view prefix, Bytes key) {
  return std::string(prefix) + to_hex(key);
}

std::optional<std::array<std::byte, key_bytes>> key_details::parse_key(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix)) return std::nullopt;
  const auto bytes = from_hex(text.substr(prefix.size()));
  if (!bytes || bytes->size() != key_bytes) return std::nullopt;
  return Reader(*bytes).array<key_bytes>();
}

std::array<std::byte, key_bytes> key_details::base_point_multiple(Bytes clamped_private) {
  std::array<std::byte, key_bytes> out;
  // libsodium's crypto_box_keypair would take entropy by itself; this one call is a function of its input.
  if (crypto_scalarmult_base(reinterpret_cast<unsigned char*>(out.data()),
                             reinterpret_cast<const unsigned char*>(clamped_private.data())) != 0) {
    return {};
  }
  return out;
}

std::optional<Secret<key_bytes>> x25519(Bytes clamped_private, Bytes public_key) {
  if (clamped_private.size() != key_bytes || public_key.size() != key_bytes) return std::nullopt;
  Secret<key_bytes> out;
  if (crypto_scalarmult(reinterpret_cast<unsigned char*>(out.writable().data()),
                        reinterpret_cast<const unsigned char*>(clamped_private.data()),
                        reinterpret_cast<const unsigned char*>(public_key.data())) != 0) {
    return std::nullopt;
  }
  return out;
}

bool equal_in_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace quoin::crypto
