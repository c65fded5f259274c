// The system's entropy, for keys and all other chance.
#pragma once

#include "base/random.h"

namespace quoin::io {

// getrandom(2). Waits at boot until the kernel's generator is seeded; ends the process if the kernel has none, because
// nothing that follows would be safe.
class SystemRandom final : public Random {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace quoin::io
