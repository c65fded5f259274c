// A burst of outgoing IP packets, laid out so that it is sealed in place and leaves in one system call.
//
// The stack writes packets here once; WireGuard writes its header before each, pads, encrypts in place and adds the
// tag; the socket sends runs of equal-sized segments with UDP_SEGMENT straight from this memory. Each packet has
//
//     | 16 header | packet, padded to 16 but not beyond the mtu | 16 tag |
//
// and the next follows at once, so that equal packets make one contiguous run (the last of a run may be shorter).
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "base/bytes.h"

namespace quoin {

class PacketBatch {
 public:
  static constexpr std::size_t header_bytes = 16;
  static constexpr std::size_t tag_bytes = 16;
  static constexpr std::size_t packets_max = 64;    // UDP_MAX_SEGMENTS
  static constexpr std::size_t bytes_max = 65'507;  // the largest UDP payload over IPv4

  explicit PacketBatch(std::size_t mtu);

  // Room for the next packet of `length` bytes (at most the mtu), to be filled by the caller; empty when the batch is
  // full.
  MutableBytes append(std::size_t length);
  bool fits(std::size_t length) const;
  void clear();

  std::size_t mtu() const { return mtu_; }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  MutableBytes packet(std::size_t index);                       // what append returned
  MutableBytes segment(std::size_t index);                      // header, padded packet and tag; padding is zero
  MutableBytes segments(std::size_t first, std::size_t count);  // the same of neighbours, as one contiguous span

 private:
  struct Place {
    std::size_t start;   // of the segment
    std::size_t length;  // of the packet
  };
  std::size_t padded(std::size_t length) const;
  std::size_t segment_bytes(std::size_t length) const { return header_bytes + padded(length) + tag_bytes; }

  std::size_t mtu_;
  std::size_t count_ = 0;
  std::size_t used_ = 0;
  std::array<Place, packets_max> places_;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace quoin
