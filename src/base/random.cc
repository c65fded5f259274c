#include "base/random.h"

namespace quoin {

void SeededRandom::fill(MutableBytes out) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < out.size(); i++) {
    if (i % 8 == 0) {
      state_ += 0x9e3779b97f4a7c15;
      word = state_;
      word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
      word = (word ^ word >> 27) * 0x94d049bb133111eb;
      word ^= word >> 31;
    }
    out[i] = static_cast<std::byte>(word >> (8 * (i % 8)));
  }
}

}  // namespace quoin
