// For tests only: chance that is one byte over and over, as the keys in the vectors are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/random.h"

namespace quoin::noise {

class RepeatedByte final : public Random {
 public:
  explicit RepeatedByte(std::uint8_t byte) : byte_(byte) {}
  void fill(MutableBytes out) override { std::ranges::fill(out, std::byte{byte_}); }

 private:
  std::uint8_t byte_;
};

}  // namespace quoin::noise
