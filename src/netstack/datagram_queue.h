// Datagrams that wait, in order, bounded in number and bytes.
#pragma once

#include <deque>

#include "base/bytes.h"

namespace quoin::netstack {

class DatagramQueue {
 public:
  static constexpr std::size_t datagrams_max = 64;
  static constexpr std::size_t bytes_max = 256 * 1024;

  bool fits(std::size_t bytes) const { return waiting_.size() < datagrams_max && bytes_ + bytes <= bytes_max; }
  void push(Buffer datagram) {
    bytes_ += datagram.size();
    waiting_.push_back(std::move(datagram));
  }
  bool empty() const { return waiting_.empty(); }
  const Buffer& front() const { return waiting_.front(); }
  Buffer pop() {
    Buffer datagram = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= datagram.size();
    return datagram;
  }
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return waiting_.size(); }

 private:
  std::deque<Buffer> waiting_;
  std::size_t bytes_ = 0;
};

}  // namespace quoin::netstack
