#include "json/text.h"

#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

namespace quoin::json {
namespace {

struct Character {
  char32_t code;
  std::size_t length;  // in bytes
};

// The character at the start of `text`, if it is well-formed UTF-8 (Unicode, table 3-7: shortest form, no surrogates).
std::optional<Character> first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto lead = byte(0);
  if (lead < 0x80) return Character{lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return std::nullopt;
  char32_t code = lead & (0x7f >> length);
  for (std::size_t i = 1; i < length; i++) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const char32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  return Character{code, length};
}

bool leaves_escaped(char32_t code) {
  return code < 0x20 || code == '<' || code == '>' || code == '&' || (code >= 0x7f && code <= 0x9f) || code == 0x2028 ||
         code == 0x2029;
}

void append_escape(std::string& out, char32_t code) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[code >> shift & 15];
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto character = first_character(text);
    if (!character) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    if (character->code == '"' || character->code == '\\') {
      out += '\\';
      out += static_cast<char>(character->code);
    } else if (character->code == '\n') {
      out += "\\n";
    } else if (leaves_escaped(character->code)) {
      append_escape(out, character->code);
    } else {
      out.append(text.substr(0, character->length));
    }
    text.remove_prefix(character->length);
  }
  out += '"';
}

void append_number(std::string& out, double value) {
  assert(std::isfinite(value));
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace quoin::json
