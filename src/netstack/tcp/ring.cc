#include "netstack/tcp/ring.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace quoin::netstack::tcp {

void Ring::reserve(Position begin, Position kept, Position end) {
  const std::size_t needed = static_cast<std::size_t>(end - begin);
  if (needed <= capacity_) return;
  Ring larger;
  larger.capacity_ = std::bit_ceil(std::max(needed, capacity_min));
  larger.memory_ = std::make_unique_for_overwrite<std::byte[]>(larger.capacity_);
  Position at = begin;
  for (const Bytes part : read(begin, static_cast<std::size_t>(kept - begin))) {
    larger.write(at, part);
    at += part.size();
  }
  *this = std::move(larger);
}

void Ring::write(Position at, Bytes bytes) {
  for (const MutableBytes part : space(at, bytes.size())) {
    if (!part.empty()) std::memcpy(part.data(), bytes.data(), part.size());
    bytes = bytes.subspan(part.size());
  }
}

std::array<Bytes, 2> Ring::read(Position at, std::size_t length) const {
  if (length == 0) return {};
  assert(length <= capacity_);
  const std::size_t from = static_cast<std::size_t>(at & (capacity_ - 1));
  const std::size_t first = std::min(length, capacity_ - from);
  return {Bytes(memory_.get() + from, first), Bytes(memory_.get(), length - first)};
}

std::array<MutableBytes, 2> Ring::space(Position at, std::size_t length) {
  if (length == 0) return {};
  assert(length <= capacity_);
  const std::size_t from = static_cast<std::size_t>(at & (capacity_ - 1));
  const std::size_t first = std::min(length, capacity_ - from);
  return {MutableBytes(memory_.get() + from, first), MutableBytes(memory_.get(), length - first)};
}

void Ring::release() {
  capacity_ = 0;
  memory_.reset();
}

}  // namespace quoin::netstack::tcp
