// The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words.
//
// A sum is an accumulator, so that a pseudo-header, a header and any number of payload spans make one checksum, and so
// that copying a payload and summing it is one pass over memory. Odd spans are allowed anywhere: the next byte goes on
// where the last one ended.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/bytes.h"

namespace quoin::netstack {

class ChecksumSum {
 public:
  void add(Bytes bytes);
  void add_u16(std::uint16_t value);
  void add_u32(std::uint32_t value);
  void copy(MutableBytes to, Bytes from);  // copies from into the front of to, and adds it; to is not the shorter one
  void add(const ChecksumSum& other);      // as if its bytes came next

  std::uint16_t checksum() const;  // what belongs into the header, in host order
  // What a receiver asks: the sum over everything, the checksum field included, has come out as ones.
  bool verifies() const { return checksum() == 0; }

 private:
  // Of words in the machine's own byte order: the sum is the same up to a swap at the end (RFC 1071, section 2 (B)).
  std::uint64_t sum_ = 0;
  bool odd_ = false;  // an odd number of bytes has been added
};

// TCP's, UDP's and ICMPv6's pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1). Of both versions it sums to the
// same formula: addresses, protocol, length.
ChecksumSum pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                              std::size_t length);

// The checksum after one 16-bit word under it has changed (RFC 1624, equation 3).
std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t old_word, std::uint16_t new_word);

}  // namespace quoin::netstack
