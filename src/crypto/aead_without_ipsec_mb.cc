// For builds without intel-ipsec-mb (other processors, or the package is not there): the back end that is never there.
#include <cassert>

#include "crypto/aead_ipsec_mb.h"

namespace quoin::crypto::ipsec_mb {

bool available() {
  return false;
}

void seal(const AeadKey&, std::span<AeadJob>) {
  assert(!"this build has no intel-ipsec-mb");
}

void open(const AeadKey&, std::span<AeadJob>) {
  assert(!"this build has no intel-ipsec-mb");
}

void limit_this_thread_to_avx2() {}

}  // namespace quoin::crypto::ipsec_mb
