#include "base/secret.h"

#include <cstring>

namespace quoin {

void wipe(MutableBytes bytes) {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

}  // namespace quoin
