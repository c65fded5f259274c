// Bytes, and the one bounded way to read and to write them.
//
// Bytes come in as borrowed spans, valid for the call. Reader never reads past its end: after the first short read it
// is failed, yields zeros, and says so in ok(). Writer fills a span it was given and fails the same way when that is
// full.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quoin {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using Buffer = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Buffer to_buffer(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}
inline void append(Buffer& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
bool equal(Bytes a, Bytes b);  // not for secrets: see equal_in_constant_time in crypto/keys.h

enum class Endian { big, little };

class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  std::uint8_t u8();
  std::uint16_t u16(Endian endian = Endian::big);
  std::uint32_t u32(Endian endian = Endian::big);
  std::uint64_t u64(Endian endian = Endian::big);
  Bytes take(std::size_t length);  // empty when fewer bytes are left
  void skip(std::size_t length) { take(length); }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> out{};
    const Bytes from = take(N);
    for (std::size_t i = 0; i < from.size(); i++) out[i] = from[i];
    return out;
  }
  Bytes rest() { return take(rest_.size()); }

  std::size_t remaining() const { return rest_.size(); }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  Bytes rest_;
  bool ok_ = true;
};

class Writer {
 public:
  explicit Writer(MutableBytes space) : space_(space) {}

  void u8(std::uint8_t value);
  void u16(std::uint16_t value, Endian endian = Endian::big);
  void u32(std::uint32_t value, Endian endian = Endian::big);
  void u64(std::uint64_t value, Endian endian = Endian::big);
  void put(Bytes bytes);
  void zeros(std::size_t count);
  MutableBytes reserve(std::size_t length);  // the next bytes, to be filled by the caller; empty when they do not fit

  std::size_t written() const { return written_; }
  Bytes bytes() const { return space_.first(written_); }
  bool ok() const { return ok_; }

 private:
  MutableBytes space_;
  std::size_t written_ = 0;
  bool ok_ = true;
};

// Lower-case hexadecimal; decoding takes either case and nothing but an even number of digits.
std::string to_hex(Bytes bytes);
std::optional<Buffer> from_hex(std::string_view text);

// Base64 with the standard alphabet and padding (RFC 4648, section 4).
std::string to_base64(Bytes bytes);
std::optional<Buffer> from_base64(std::string_view text);

}  // namespace quoin
