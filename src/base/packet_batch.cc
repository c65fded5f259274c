#include "base/packet_batch.h"

#include <algorithm>
#include <cassert>

namespace quoin {

PacketBatch::PacketBatch(std::size_t mtu) : mtu_(mtu), memory_(std::make_unique_for_overwrite<std::byte[]>(bytes_max)) {
  assert(segment_bytes(mtu) <= bytes_max);
}

std::size_t PacketBatch::padded(std::size_t length) const {
  // A packet longer than the mtu cannot be padded to it; append refuses those.
  return std::min((length + 15) / 16 * 16, std::max(mtu_, length));
}

bool PacketBatch::fits(std::size_t length) const {
  return count_ < packets_max && length <= mtu_ && used_ + segment_bytes(length) <= bytes_max;
}

MutableBytes PacketBatch::append(std::size_t length) {
  if (!fits(length)) return {};
  places_[count_++] = {used_, length};
  const std::size_t pad = padded(length) - length;
  std::fill_n(memory_.get() + used_ + header_bytes + length, pad, std::byte{0});
  used_ += segment_bytes(length);
  return packet(count_ - 1);
}

void PacketBatch::clear() {
  count_ = 0;
  used_ = 0;
}

MutableBytes PacketBatch::packet(std::size_t index) {
  assert(index < count_);
  return {memory_.get() + places_[index].start + header_bytes, places_[index].length};
}

MutableBytes PacketBatch::segment(std::size_t index) {
  assert(index < count_);
  return {memory_.get() + places_[index].start, segment_bytes(places_[index].length)};
}

MutableBytes PacketBatch::segments(std::size_t first, std::size_t count) {
  assert(count > 0 && first + count <= count_);
  const Place& last = places_[first + count - 1];
  const std::size_t end = last.start + segment_bytes(last.length);
  return {memory_.get() + places_[first].start, end - places_[first].start};
}

}  // namespace quoin
