#include "pair/serial_question.h"

#include <algorithm>
#include <cassert>

namespace quoin::pair {
namespace {

bool is_printable_ascii(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         std::ranges::all_of(text, [](char each) { return each >= ' ' && each <= '~'; });
}

bool is_version(std::byte each) {
  return each <= static_cast<std::byte>(SnmpVersion::v1);
}

bool is_whole(const SerialAnswer& answer) {
  switch (answer.outcome) {
    case SerialOutcome::read: return is_serial(answer.text);
    case SerialOutcome::silent: return answer.text.empty();
    case SerialOutcome::unreadable: break;
  }
  return answer.text.empty() || is_printable_ascii(answer.text, serial_bytes_max);
}

}  // namespace

bool is_serial(std::string_view text) {
  return is_printable_ascii(text, serial_bytes_max) && text.front() != ' ' && text.back() != ' ';
}

bool is_community(std::string_view text) {
  return is_printable_ascii(text, community_bytes_max);
}

Buffer encode(const SerialQuestion& question) {
  assert(is_community(question.community));
  Buffer packet{static_cast<std::byte>(question.first)};
  append(packet, bytes_of(question.community));
  return packet;
}

std::optional<SerialQuestion> decode_question(Bytes packet) {
  if (packet.empty() || !is_version(packet[0])) return std::nullopt;
  SerialQuestion question{std::string(text_of(packet.subspan(1))), static_cast<SnmpVersion>(packet[0])};
  if (!is_community(question.community)) return std::nullopt;
  return question;
}

Buffer encode(const SerialAnswer& answer) {
  assert(is_whole(answer));
  Buffer packet{static_cast<std::byte>(answer.outcome), static_cast<std::byte>(answer.version)};
  append(packet, bytes_of(answer.text));
  return packet;
}

std::optional<SerialAnswer> decode_answer(Bytes packet) {
  const bool has_head = packet.size() >= 2 && packet[0] <= static_cast<std::byte>(SerialOutcome::unreadable);
  if (!has_head || !is_version(packet[1])) return std::nullopt;
  SerialAnswer answer{static_cast<SerialOutcome>(packet[0]), std::string(text_of(packet.subspan(2))),
                      static_cast<SnmpVersion>(packet[1])};
  if (!is_whole(answer)) return std::nullopt;
  return answer;
}

SerialAnswer serial_answer_of(Bytes sent) {
  const auto is_padding = [](char each) { return each <= ' ' || each > '~'; };
  std::string_view text = text_of(sent);
  while (!text.empty() && is_padding(text.front())) text.remove_prefix(1);
  text = text.substr(0, text.find('\0'));
  while (!text.empty() && is_padding(text.back())) text.remove_suffix(1);
  if (!is_serial(text)) return {SerialOutcome::unreadable, shown(sent)};
  return {SerialOutcome::read, std::string(text)};
}

std::string shown(Bytes sent) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::size_t dots_and_quote = 4;
  std::string out = "\"";
  for (const char each : text_of(sent)) {
    std::string next(1, each);
    if (each < ' ' || each > '~' || each == '\\' || each == '"') {
      const auto value = static_cast<unsigned char>(each);
      next = {'\\', 'x', digits[value >> 4], digits[value & 15]};
    }
    if (out.size() + next.size() + dots_and_quote > serial_bytes_max) return out + "...\"";
    out += next;
  }
  return out + "\"";
}

}  // namespace quoin::pair
