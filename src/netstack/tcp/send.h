// The send queue: what the application wrote and the peer has not acknowledged yet.
//
// The writer fills the ring itself (write_space, then commit), the network reads it in spans of up to 64 KiB, and a
// byte stays where it is until it is acknowledged. There is no Nagle algorithm: interactive traffic would wait for a
// round trip and bulk writes are whole reads of a socket anyway.
#pragma once

#include <array>
#include <cstddef>

#include "base/bytes.h"
#include "netstack/tcp/ring.h"
#include "netstack/tcp/sequence.h"

namespace quoin::netstack::tcp {

class SendQueue {
 public:
  static constexpr std::size_t limit_bytes_first = 65'536;
  static constexpr std::size_t idle_bytes_kept = 65'536;

  void start(Position first) { first_ = begin_ = end_ = first; }

  // Room for up to `wanted` bytes, less when the limit is near; in two spans when the ring turns over.
  std::array<MutableBytes, 2> write_space(std::size_t wanted);
  void commit(std::size_t bytes);  // of what write_space gave last
  std::array<Bytes, 2> read(Position at, std::size_t length) const { return ring_.read(at, length); }
  void acknowledge(Position upto);  // bytes before it are gone

  void set_limit(std::size_t limit) { limit_ = limit; }
  std::size_t writable_bytes() const { return limit_ > size() ? limit_ - size() : 0; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  std::size_t limit() const { return limit_; }
  Position begin() const { return begin_; }
  Position end() const { return end_; }
  std::uint64_t bytes_written() const { return end_ - first_; }
  std::uint64_t bytes_acknowledged() const { return begin_ - first_; }
  std::size_t memory_used() const { return ring_.capacity(); }
  void release_idle_memory();
  void clear();  // nothing will be sent again

 private:
  Ring ring_;
  Position first_ = 0;
  Position begin_ = 0;
  Position end_ = 0;
  std::size_t limit_ = limit_bytes_first;
};

}  // namespace quoin::netstack::tcp
