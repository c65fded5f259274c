#include "base/printable.h"

#include <cstdint>

namespace quoin {
namespace {

bool is_plain(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;  // C0, delete, C1
  if (c == 0x061c) return false;                          // the Arabic letter mark
  // Zero-width space and joiners, marks, embeddings and overrides of direction, line and paragraph separators.
  if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e)) return false;
  if (c >= 0x2060 && c <= 0x206f) return false;                                            // word joiner to isolates
  if (c == 0xad || c == 0x34f || c == 0x180e || c == 0x3164 || c == 0xffa0) return false;  // that nobody sees
  if (c == 0x115f || c == 0x1160 || (c >= 0xfff0 && c <= 0xfffb)) return false;            // fillers, annotations
  if (c >= 0xe0000 && c <= 0xe0fff) return false;                                          // tags
  return c != 0xfeff && (c & 0xfffe) != 0xfffe;  // byte order mark, non-characters
}

// Length of the printable character at the start of text (RFC 3629: shortest form, no surrogates); 0 if none is there.
std::size_t printable_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return is_plain(first) ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  std::uint32_t c = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; i++) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    c = c << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
  return is_plain(c) ? length : 0;
}

}  // namespace

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = printable_character(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = printable_character(text);
    const std::string_view piece = length == 0 ? "?" : text.substr(0, length);
    if (out.size() + piece.size() > bytes_max) break;
    out += piece;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace quoin
