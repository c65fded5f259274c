// ChaCha20-Poly1305 (RFC 8439) over batches, and XChaCha20-Poly1305 for WireGuard's cookies.
//
// All work is in place. A batch lets a back end that computes many packets at once do so; callers never know which
// runs. The back end is chosen once per process: intel-ipsec-mb where the CPU and the build have it, libsodium
// elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/secret.h"

namespace quoin::crypto {

constexpr std::size_t aead_tag_bytes = 16;
using AeadNonce = std::array<std::byte, 12>;

// Four zero bytes, then the counter: little endian in Noise and WireGuard, big endian in ts2021.
AeadNonce counter_nonce(std::uint64_t counter, Endian endian);

class AeadKey {
 public:
  AeadKey() = default;
  explicit AeadKey(Secret<32> key) : key_(std::move(key)) {}
  std::span<const std::byte, 32> bytes() const { return key_.bytes(); }

 private:
  Secret<32> key_;
};

// text = plaintext followed by 16 bytes of room for the tag (sealing), or ciphertext followed by the tag (opening).
struct AeadJob {
  MutableBytes text;
  AeadNonce nonce;
  Bytes associated;     // usually empty
  bool opened = false;  // set by aead_open; a job that failed leaves its text unspecified
};

enum class AeadBackEnd { libsodium, ipsec_mb };
AeadBackEnd aead_back_end();                // the one in use: the fastest that is there, unless one was chosen
bool aead_back_end_available(AeadBackEnd);  // built in, and the CPU has what it needs
// For a program's start (valgrind, for one, cannot run AVX-512). False, and nothing changed, if it is not available.
bool choose_aead_back_end(AeadBackEnd);

void aead_seal(const AeadKey& key, std::span<AeadJob> jobs);
void aead_open(const AeadKey& key, std::span<AeadJob> jobs);
void aead_seal_with(AeadBackEnd, const AeadKey& key, std::span<AeadJob> jobs);  // for tests and benchmarks
void aead_open_with(AeadBackEnd, const AeadKey& key, std::span<AeadJob> jobs);

// One at a time. text as in AeadJob; false if it does not authenticate.
void aead_seal(const AeadKey& key, const AeadNonce& nonce, Bytes associated, MutableBytes text);
[[nodiscard]] bool aead_open(const AeadKey& key, const AeadNonce& nonce, Bytes associated, MutableBytes text);

void xchacha_seal(const AeadKey& key, std::span<const std::byte, 24> nonce, Bytes associated, MutableBytes text);
[[nodiscard]] bool xchacha_open(const AeadKey& key, std::span<const std::byte, 24> nonce, Bytes associated,
                                MutableBytes text);

}  // namespace quoin::crypto
