#include "crypto/box.h"

#include <algorithm>

#include <sodium.h>

#include "crypto/keys.h"

namespace quoin::crypto {
namespace {

constexpr std::size_t nonce_bytes = crypto_box_NONCEBYTES;
constexpr std::size_t tag_bytes = crypto_box_MACBYTES;
static_assert(nonce_bytes + tag_bytes == box_overhead && crypto_box_BEFORENMBYTES == 32);

const unsigned char* in(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::optional<BoxKey> BoxKey::between(Bytes clamped_private, Bytes public_key) {
  if (clamped_private.size() != key_bytes || public_key.size() != key_bytes) return std::nullopt;
  Secret<32> key;
  if (crypto_box_beforenm(reinterpret_cast<unsigned char*>(key.writable().data()), in(public_key),
                          in(clamped_private)) != 0) {
    return std::nullopt;
  }
  return BoxKey(std::move(key));
}

Buffer BoxKey::seal(Bytes plain, Random& random) const {
  const auto nonce = random.array<nonce_bytes>();
  return seal(plain, nonce);
}

Buffer BoxKey::seal(Bytes plain, std::span<const std::byte, 24> nonce) const {
  Buffer out(box_overhead + plain.size());
  std::ranges::copy(nonce, out.begin());
  crypto_box_easy_afternm(reinterpret_cast<unsigned char*>(out.data()) + nonce_bytes, in(plain), plain.size(),
                          in(nonce), in(key_.bytes()));
  return out;
}

std::optional<Buffer> BoxKey::open(Bytes nonce_and_box) const {
  if (nonce_and_box.size() < box_overhead) return std::nullopt;
  const Bytes nonce = nonce_and_box.first(nonce_bytes);
  const Bytes box = nonce_and_box.subspan(nonce_bytes);
  Buffer plain(box.size() - tag_bytes);
  if (crypto_box_open_easy_afternm(reinterpret_cast<unsigned char*>(plain.data()), in(box), box.size(), in(nonce),
                                   in(key_.bytes())) != 0) {
    return std::nullopt;
  }
  return plain;
}

}  // namespace quoin::crypto
