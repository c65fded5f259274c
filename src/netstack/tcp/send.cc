#include "netstack/tcp/send.h"

#include <algorithm>
#include <cassert>

namespace quoin::netstack::tcp {

std::array<MutableBytes, 2> SendQueue::write_space(std::size_t wanted) {
  const std::size_t length = std::min(wanted, writable_bytes());
  ring_.reserve(begin_, end_, end_ + length);
  return ring_.space(end_, length);
}

void SendQueue::commit(std::size_t bytes) {
  assert(size() + bytes <= ring_.capacity());
  end_ += bytes;
}

void SendQueue::acknowledge(Position upto) {
  begin_ = std::clamp(upto, begin_, end_);
  if (begin_ == end_ && ring_.capacity() > idle_bytes_kept) ring_.release();
}

void SendQueue::release_idle_memory() {
  if (size() == 0) ring_.release();
}

void SendQueue::clear() {
  end_ = begin_;
  limit_ = 0;
  ring_.release();
}

}  // namespace quoin::netstack::tcp
