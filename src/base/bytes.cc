#include "base/bytes.h"

#include <algorithm>
#include <cstring>

namespace quoin {
namespace {

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

template <class Integer>
Integer load(Bytes from, Endian endian) {
  Integer value = 0;
  for (std::size_t i = 0; i < from.size(); i++) {
    const std::size_t at = endian == Endian::big ? i : from.size() - 1 - i;
    value = static_cast<Integer>((value << 8) | std::to_integer<Integer>(from[at]));
  }
  return value;
}

template <class Integer>
void store(MutableBytes to, Integer value, Endian endian) {
  for (std::size_t i = 0; i < to.size(); i++) {
    const std::size_t at = endian == Endian::little ? i : to.size() - 1 - i;
    to[at] = static_cast<std::byte>(value >> (8 * i));
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool equal(Bytes a, Bytes b) {
  return std::ranges::equal(a, b);
}

Bytes Reader::take(std::size_t length) {
  if (length > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const Bytes taken = rest_.first(length);
  rest_ = rest_.subspan(length);
  return taken;
}

std::uint8_t Reader::u8() {
  return load<std::uint8_t>(take(1), Endian::big);
}
std::uint16_t Reader::u16(Endian endian) {
  return load<std::uint16_t>(take(2), endian);
}
std::uint32_t Reader::u32(Endian endian) {
  return load<std::uint32_t>(take(4), endian);
}
std::uint64_t Reader::u64(Endian endian) {
  return load<std::uint64_t>(take(8), endian);
}

MutableBytes Writer::reserve(std::size_t length) {
  if (length > space_.size() - written_) {
    ok_ = false;
    return {};
  }
  const MutableBytes room = space_.subspan(written_, length);
  written_ += length;
  return room;
}

void Writer::u8(std::uint8_t value) {
  store(reserve(1), value, Endian::big);
}
void Writer::u16(std::uint16_t value, Endian endian) {
  store(reserve(2), value, endian);
}
void Writer::u32(std::uint32_t value, Endian endian) {
  store(reserve(4), value, endian);
}
void Writer::u64(std::uint64_t value, Endian endian) {
  store(reserve(8), value, endian);
}

void Writer::put(Bytes bytes) {
  const MutableBytes room = reserve(bytes.size());
  if (!room.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
}

void Writer::zeros(std::size_t count) {
  std::ranges::fill(reserve(count), std::byte{0});
}

std::string to_hex(Bytes bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    out += digits[std::to_integer<std::size_t>(b >> 4)];
    out += digits[std::to_integer<std::size_t>(b & std::byte{15})];
  }
  return out;
}

std::optional<Buffer> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Buffer out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return out;
}

std::string to_base64(Bytes bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; j++)
      group = group << 8 | (j < count ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; j++) out += j <= count ? base64_alphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

std::optional<Buffer> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Buffer out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t padding = last ? (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; j++) {
      std::size_t digit = 0;
      if (j < 4 - padding) {
        digit = base64_alphabet.find(text[i + j]);
        if (digit == std::string_view::npos) return std::nullopt;
      }
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    if (padding == 1 && (group & 0xff) != 0) return std::nullopt;  // bits that no byte carries must be zero
    if (padding == 2 && (group & 0xffff) != 0) return std::nullopt;
    for (std::size_t j = 0; j < 3 - padding; j++) out.push_back(static_cast<std::byte>(group >> (16 - 8 * j)));
  }
  return out;
}

}  // namespace quoin
