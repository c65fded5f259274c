// Chance, handed in at construction. The edge gives the system's entropy; tests give a seed.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace quoin {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes out) = 0;

  std::uint32_t u32() { return static_cast<std::uint32_t>(u64()); }
  std::uint64_t u64() {
    std::array<std::byte, 8> bytes;
    fill(bytes);
    return Reader(bytes).u64();
  }
  // Uniform in [0, bound); bound is not 0. The bias of the modulus is below 2^-32 for every bound used here.
  std::uint64_t below(std::uint64_t bound) { return u64() % bound; }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> out;
    fill(out);
    return out;
  }
};

// The same bytes for the same seed, for tests and simulations only: not a generator for keys.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes out) override;

 private:
  std::uint64_t state_;  // splitmix64
};

}  // namespace quoin
