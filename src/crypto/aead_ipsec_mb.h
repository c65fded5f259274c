// The AEAD back end that uses Intel's multi-buffer library (intel-ipsec-mb). Only aead.cc and its tests include this.
//
// Where the build has no such library, aead_without_ipsec_mb.cc stands in its place and available() is false.
#pragma once

#include <span>

#include "crypto/aead.h"

namespace quoin::crypto::ipsec_mb {

bool available();

// As aead_seal and aead_open; only where available().
void seal(const AeadKey& key, std::span<AeadJob> jobs);
void open(const AeadKey& key, std::span<AeadJob> jobs);

}  // namespace quoin::crypto::ipsec_mb
