#include "crypto/start.h"

#include <sodium.h>

#include "crypto/aead.h"
#include "crypto/hash.h"

namespace quoin::crypto {

bool start() {
  if (sodium_init() < 0) return false;
  // Each once, so that every later call on this thread works without opening anything.
  blake2s({});
  sha256({});
  blake2s_mac(Hash{}, {});
  aead_back_end();
  return true;
}

}  // namespace quoin::crypto
