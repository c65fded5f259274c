#include "base/secret.h"

#include <cstring>

namespace quoin {

void wipe(MutableBytes bytes) {
  explicit_bzero(bytes.data(), bytes.size());
}

}  // namespace quoin
