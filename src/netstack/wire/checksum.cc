#include "netstack/wire/checksum.h"

#include <bit>
#include <cassert>
#include <cstring>

namespace quoin::netstack {
namespace {

std::uint16_t fold(std::uint64_t sum) {
  sum = (sum >> 32) + (sum & 0xffff'ffff);
  sum = (sum >> 32) + (sum & 0xffff'ffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint16_t>(sum);
}

// A 64-bit load is two 32-bit words, each a sum of 16-bit ones as far as the ones' complement is concerned; 2^32 loads
// would be needed to overflow. Written so that the compiler makes vectors of it.
template <bool copying>
std::uint64_t sum_words(std::byte* __restrict to, const std::byte* __restrict from, std::size_t length) {
  std::uint64_t sum = 0;
  const std::size_t words = length / 8;
  for (std::size_t i = 0; i < words; i++) {
    std::uint64_t word;
    std::memcpy(&word, from + i * 8, 8);
    if constexpr (copying) std::memcpy(to + i * 8, &word, 8);
    sum += (word & 0xffff'ffff) + (word >> 32);
  }
  if (const std::size_t rest = length % 8; rest > 0) {
    std::uint64_t word = 0;  // the missing bytes are zeros (RFC 1071)
    std::memcpy(&word, from + words * 8, rest);
    if constexpr (copying) std::memcpy(to + words * 8, from + words * 8, rest);
    sum += (word & 0xffff'ffff) + (word >> 32);
  }
  return sum;
}

// What the bytes sum to when they stand at an odd place: the halves of every word change sides.
std::uint64_t placed(std::uint64_t sum, bool odd) {
  return odd ? std::byteswap(fold(sum)) : sum;
}

}  // namespace

void ChecksumSum::add(Bytes bytes) {
  if (bytes.empty()) return;
  sum_ += fold(placed(sum_words<false>(nullptr, bytes.data(), bytes.size()), odd_));
  odd_ ^= bytes.size() % 2 == 1;
}

void ChecksumSum::copy(MutableBytes to, Bytes from) {
  assert(to.size() >= from.size());
  if (from.empty()) return;
  sum_ += fold(placed(sum_words<true>(to.data(), from.data(), from.size()), odd_));
  odd_ ^= from.size() % 2 == 1;
}

void ChecksumSum::add_u16(std::uint16_t value) {
  const std::array<std::byte, 2> bytes = {std::byte(value >> 8), std::byte(value)};
  add(bytes);
}

void ChecksumSum::add_u32(std::uint32_t value) {
  add_u16(static_cast<std::uint16_t>(value >> 16));
  add_u16(static_cast<std::uint16_t>(value));
}

void ChecksumSum::add(const ChecksumSum& other) {
  sum_ += fold(placed(other.sum_, odd_));
  odd_ ^= other.odd_;
}

std::uint16_t ChecksumSum::checksum() const {
  const auto folded = static_cast<std::uint16_t>(~fold(sum_));
  return std::endian::native == std::endian::little ? std::byteswap(folded) : folded;
}

ChecksumSum pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                              std::size_t length) {
  ChecksumSum sum;
  sum.add(source.bytes());
  sum.add(destination.bytes());
  sum.add_u16(protocol);
  sum.add_u32(static_cast<std::uint32_t>(length));
  return sum;
}

std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t old_word, std::uint16_t new_word) {
  // HC' = ~(~HC + ~m + m')
  const std::uint32_t sum = static_cast<std::uint16_t>(~checksum) + static_cast<std::uint16_t>(~old_word) + new_word;
  return static_cast<std::uint16_t>(~fold(sum));
}

}  // namespace quoin::netstack
