// Bytes that wipe themselves. They move, never copy, never print, and never compare with ==.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "base/bytes.h"

namespace quoin {

// Overwrites memory in a way that the compiler does not remove.
void wipe(MutableBytes bytes);

template <std::size_t N>
class Secret {
 public:
  Secret() = default;  // zeros
  explicit Secret(const std::array<std::byte, N>& bytes) : bytes_(bytes) {}
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(bytes_); }

  static constexpr std::size_t size() { return N; }
  std::span<const std::byte, N> bytes() const { return bytes_; }
  std::span<std::byte, N> writable() { return bytes_; }
  Secret copy() const { return Secret(bytes_); }  // said out loud, where a copy is meant

 private:
  std::array<std::byte, N> bytes_{};
};

}  // namespace quoin
