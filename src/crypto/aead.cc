#include "crypto/aead.h"

#include <atomic>
#include <cassert>

#include <sodium.h>

#include "crypto/aead_ipsec_mb.h"

namespace quoin::crypto {
namespace {

const unsigned char* in(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* out(MutableBytes bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

void sodium_seal(const AeadKey& key, AeadJob& job) {
  const MutableBytes plain = job.text.first(job.text.size() - aead_tag_bytes);
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(out(plain), out(job.text.last(aead_tag_bytes)), nullptr, in(plain),
                                                     plain.size(), in(job.associated), job.associated.size(), nullptr,
                                                     in(job.nonce), in(key.bytes()));
}

bool sodium_open(const AeadKey& key, AeadJob& job) {
  const MutableBytes sealed = job.text.first(job.text.size() - aead_tag_bytes);
  return crypto_aead_chacha20poly1305_ietf_decrypt_detached(out(sealed), nullptr, in(sealed), sealed.size(),
                                                            in(job.text.last(aead_tag_bytes)), in(job.associated),
                                                            job.associated.size(), in(job.nonce), in(key.bytes())) == 0;
}

// The one process-wide value of this layer: written at most once in practice, and any thread may read it meanwhile.
enum class Choice { not_yet, libsodium, ipsec_mb };
std::atomic<Choice> choice{Choice::not_yet};

}  // namespace

AeadNonce counter_nonce(std::uint64_t counter, Endian endian) {
  AeadNonce nonce{};
  Writer writer(nonce);
  writer.zeros(4);
  writer.u64(counter, endian);
  return nonce;
}

bool aead_back_end_available(AeadBackEnd back_end) {
  switch (back_end) {
    case AeadBackEnd::libsodium: return true;
    case AeadBackEnd::ipsec_mb: return ipsec_mb::available();
  }
  return false;
}

AeadBackEnd aead_back_end() {
  const Choice made = choice.load(std::memory_order_relaxed);
  if (made != Choice::not_yet) return made == Choice::ipsec_mb ? AeadBackEnd::ipsec_mb : AeadBackEnd::libsodium;
  const AeadBackEnd fastest =
      aead_back_end_available(AeadBackEnd::ipsec_mb) ? AeadBackEnd::ipsec_mb : AeadBackEnd::libsodium;
  choose_aead_back_end(fastest);
  return fastest;
}

bool choose_aead_back_end(AeadBackEnd back_end) {
  if (!aead_back_end_available(back_end)) return false;
  choice.store(back_end == AeadBackEnd::ipsec_mb ? Choice::ipsec_mb : Choice::libsodium, std::memory_order_relaxed);
  return true;
}

void aead_seal_with(AeadBackEnd back_end, const AeadKey& key, std::span<AeadJob> jobs) {
  for (const AeadJob& job : jobs) assert(job.text.size() >= aead_tag_bytes);
  if (back_end == AeadBackEnd::ipsec_mb) return ipsec_mb::seal(key, jobs);
  for (AeadJob& job : jobs) sodium_seal(key, job);
}

void aead_open_with(AeadBackEnd back_end, const AeadKey& key, std::span<AeadJob> jobs) {
  if (back_end == AeadBackEnd::ipsec_mb) return ipsec_mb::open(key, jobs);
  for (AeadJob& job : jobs) job.opened = job.text.size() >= aead_tag_bytes && sodium_open(key, job);
}

void aead_seal(const AeadKey& key, std::span<AeadJob> jobs) {
  aead_seal_with(aead_back_end(), key, jobs);
}

void aead_open(const AeadKey& key, std::span<AeadJob> jobs) {
  aead_open_with(aead_back_end(), key, jobs);
}

void aead_seal(const AeadKey& key, const AeadNonce& nonce, Bytes associated, MutableBytes text) {
  AeadJob job{.text = text, .nonce = nonce, .associated = associated};
  aead_seal(key, std::span(&job, 1));
}

bool aead_open(const AeadKey& key, const AeadNonce& nonce, Bytes associated, MutableBytes text) {
  AeadJob job{.text = text, .nonce = nonce, .associated = associated};
  aead_open(key, std::span(&job, 1));
  return job.opened;
}

void xchacha_seal(const AeadKey& key, std::span<const std::byte, 24> nonce, Bytes associated, MutableBytes text) {
  assert(text.size() >= aead_tag_bytes);
  const MutableBytes plain = text.first(text.size() - aead_tag_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt_detached(out(plain), out(text.last(aead_tag_bytes)), nullptr, in(plain),
                                                      plain.size(), in(associated), associated.size(), nullptr,
                                                      in(nonce), in(key.bytes()));
}

bool xchacha_open(const AeadKey& key, std::span<const std::byte, 24> nonce, Bytes associated, MutableBytes text) {
  if (text.size() < aead_tag_bytes) return false;
  const MutableBytes sealed = text.first(text.size() - aead_tag_bytes);
  return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(out(sealed), nullptr, in(sealed), sealed.size(),
                                                             in(text.last(aead_tag_bytes)), in(associated),
                                                             associated.size(), in(nonce), in(key.bytes())) == 0;
}

}  // namespace quoin::crypto
