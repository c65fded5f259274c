#include "crypto/hash.h"

#include <algorithm>
#include <cassert>
#include <memory>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

namespace quoin::crypto {
namespace {

constexpr std::size_t blake2s_block_bytes = 64;

// Looking an algorithm up and making a context costs several times the hash of a short message, so each thread keeps
// its own. OpenSSL cleanses the state of a BLAKE2s context when the digest is taken.
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeContext>;

DigestContext digest_context(const EVP_MD* algorithm) {
  DigestContext context(EVP_MD_CTX_new());
  assert(algorithm != nullptr && context != nullptr);
  [[maybe_unused]] const int done = EVP_DigestInit_ex2(context.get(), algorithm, nullptr);
  assert(done == 1);
  return context;
}

// The algorithms live as long as the process: a context holds its own reference too.
EVP_MD_CTX* blake2s_context() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "BLAKE2S-256", nullptr);
  thread_local const DigestContext context = digest_context(algorithm);
  return context.get();
}

EVP_MD_CTX* sha256_context() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  thread_local const DigestContext context = digest_context(algorithm);
  return context.get();
}

MacContext mac_context() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "BLAKE2SMAC", nullptr);
  assert(algorithm != nullptr);
  MacContext context(EVP_MAC_CTX_new(algorithm));
  assert(context != nullptr);
  return context;
}

// What can fail here is memory and a broken installation of OpenSSL; neither can be answered, so the program stops.
void must(int done) {
  assert(done == 1);
  static_cast<void>(done);
}

void digest(EVP_MD_CTX* context, Bytes first, std::initializer_list<Bytes> rest, std::span<std::byte, 32> out) {
  must(EVP_DigestInit_ex2(context, nullptr, nullptr));
  if (!first.empty()) must(EVP_DigestUpdate(context, first.data(), first.size()));
  for (const Bytes part : rest) {
    if (!part.empty()) must(EVP_DigestUpdate(context, part.data(), part.size()));
  }
  must(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(out.data()), nullptr));
}

}  // namespace

Hash blake2s(std::initializer_list<Bytes> parts) {
  Hash out;
  digest(blake2s_context(), {}, parts, out);
  return out;
}

std::array<std::byte, 16> blake2s_mac(Bytes key, std::initializer_list<Bytes> parts) {
  thread_local const MacContext context = mac_context();
  assert(!key.empty() && key.size() <= 32);
  std::array<std::byte, 16> out;
  std::size_t size = out.size();
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
  must(EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(), parameters));
  for (const Bytes part : parts) {
    if (part.empty()) continue;
    must(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(part.data()), part.size()));
  }
  std::size_t written = 0;
  must(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &written, out.size()));
  assert(written == out.size());
  // The context keeps its key for another round; a key of zeros takes its place.
  static constexpr std::array<unsigned char, 32> no_key{};
  must(EVP_MAC_init(context.get(), no_key.data(), no_key.size(), nullptr));
  return out;
}

// HMAC (RFC 2104): H(key xor opad, H(key xor ipad, message)). Made from the plain hash, because OpenSSL's own HMAC
// object takes several times as long to be given a new key, and each Noise key is used once.
Secret<32> hmac_blake2s(Bytes key, std::initializer_list<Bytes> parts) {
  Secret<blake2s_block_bytes> block;
  if (key.size() <= blake2s_block_bytes) {
    std::ranges::copy(key, block.writable().begin());
  } else {
    digest(blake2s_context(), key, {}, block.writable().first<32>());
  }
  Secret<32> inner;
  for (std::byte& byte : block.writable()) byte ^= std::byte{0x36};
  digest(blake2s_context(), block.bytes(), parts, inner.writable());
  Secret<32> out;
  for (std::byte& byte : block.writable()) byte ^= std::byte{0x36 ^ 0x5c};
  digest(blake2s_context(), block.bytes(), {inner.bytes()}, out.writable());
  return out;
}

// HKDF(ck, input): temp = HMAC(ck, input); out1 = HMAC(temp, 1); out2 = HMAC(temp, out1 || 2); ...
template <std::size_t N>
std::array<Secret<32>, N> hkdf_blake2s(Bytes chaining_key, Bytes input) {
  const Secret<32> extracted = hmac_blake2s(chaining_key, {input});
  std::array<Secret<32>, N> out;
  for (std::size_t i = 0; i < N; i++) {
    const std::array<std::byte, 1> number{static_cast<std::byte>(i + 1)};
    const Bytes previous = i == 0 ? Bytes() : Bytes(out[i - 1].bytes());
    out[i] = hmac_blake2s(extracted.bytes(), {previous, number});
  }
  return out;
}
template std::array<Secret<32>, 1> hkdf_blake2s<1>(Bytes, Bytes);
template std::array<Secret<32>, 2> hkdf_blake2s<2>(Bytes, Bytes);
template std::array<Secret<32>, 3> hkdf_blake2s<3>(Bytes, Bytes);

Hash sha256(std::initializer_list<Bytes> parts) {
  Hash out;
  digest(sha256_context(), {}, parts, out);
  return out;
}

std::uint64_t SipHash::operator()(Bytes bytes) const {
  std::array<std::byte, crypto_shorthash_BYTES> out;
  crypto_shorthash(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                   bytes.size(), reinterpret_cast<const unsigned char*>(key_.data()));
  return Reader(out).u64(Endian::little);
}

}  // namespace quoin::crypto
