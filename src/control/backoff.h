// How long to wait before the next try: n^2 * 10 ms * uniform(0.5, 1.5), at most 30 s (tailscale util/backoff).
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"

namespace quoin::control {

class Backoff {
 public:
  static constexpr Duration longest = seconds(30);

  Duration next(Random& random);
  void reset() { tries_ = 0; }
  std::uint32_t tries() const { return tries_; }  // since the last reset

 private:
  std::uint32_t tries_ = 0;
};

}  // namespace quoin::control
