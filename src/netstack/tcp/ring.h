// A ring of bytes addressed by stream position, growing by doubling.
//
// The byte at position p lies at p modulo the capacity, a power of two, so that a position keeps its place while the
// stream moves on, and bytes that arrive out of order are written straight to where they belong. It starts with no
// memory at all.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "netstack/tcp/sequence.h"

namespace quoin::netstack::tcp {

class Ring {
 public:
  static constexpr std::size_t capacity_min = 2'048;

  // Makes room for [begin, end), keeping what [begin, kept) held.
  void reserve(Position begin, Position kept, Position end);
  void write(Position at, Bytes bytes);  // within what was reserved
  std::array<Bytes, 2> read(Position at, std::size_t length) const;
  std::array<MutableBytes, 2> space(Position at, std::size_t length);
  void release();  // forgets everything and gives the memory back

  std::size_t capacity() const { return capacity_; }

 private:
  std::size_t capacity_ = 0;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace quoin::netstack::tcp
