#include "pair/text.h"

#include <cstdint>

#include "pair/messages.h"

namespace quoin::pair {
namespace {

bool is_plain(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;                           // C0, delete, C1
  if (c == 0x2028 || c == 0x2029) return false;                                    // line and paragraph separators
  if (c == 0x061c || c == 0x200e || c == 0x200f) return false;                     // direction marks
  if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)) return false;  // embeddings, overrides, isolates
  return c != 0xfeff && (c & 0xfffe) != 0xfffe;                                    // byte order mark, non-characters
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

std::string bounded_text(std::string_view text) {
  return printable(text, text_bytes_max);
}

}  // namespace quoin::pair
