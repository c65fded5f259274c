// The AEAD back end that uses Intel's multi-buffer library (intel-ipsec-mb). Only aead.cc and its tests include this.
//
// Where the build has no such library, aead_without_ipsec_mb.cc stands in its place and available() is false. Each
// thread has a job manager of its own (200 KB, made at its first call), so no call waits for another thread.
#pragma once

#include <span>

#include "crypto/aead.h"

namespace quoin::crypto::ipsec_mb {

// The CPU has AVX2 at least, and the library's own self-test has passed.
bool available();

// As aead_seal and aead_open; only where available(). A text that does not authenticate is zeroed.
void seal(const AeadKey& key, std::span<AeadJob> jobs);
void open(const AeadKey& key, std::span<AeadJob> jobs);

// For tests: from now on this thread does not use AVX-512, so that one machine can test both code paths.
void limit_this_thread_to_avx2();

}  // namespace quoin::crypto::ipsec_mb
