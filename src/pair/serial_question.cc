#include "pair/serial_question.h"

#include <algorithm>
#include <cassert>

namespace quoin::pair {
namespace {

bool is_printable_ascii(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         std::ranges::all_of(text, [](char each) { return each >= ' ' && each <= '~'; });
}

}  // namespace

bool is_serial(std::string_view text) {
  return is_printable_ascii(text, serial_bytes_max) && text.front() != ' ' && text.back() != ' ';
}

bool is_community(std::string_view text) {
  return is_printable_ascii(text, community_bytes_max);
}

Buffer encode_question(std::string_view community) {
  assert(is_community(community));
  return to_buffer(bytes_of(community));
}

std::optional<std::string> decode_question(Bytes packet) {
  if (!is_community(text_of(packet))) return std::nullopt;
  return std::string(text_of(packet));
}

Buffer encode(const SerialAnswer& answer) {
  assert((answer.outcome == SerialOutcome::read) == is_serial(answer.serial));
  Buffer packet{static_cast<std::byte>(answer.outcome)};
  append(packet, bytes_of(answer.serial));
  return packet;
}

std::optional<SerialAnswer> decode_answer(Bytes packet) {
  if (packet.empty() || packet[0] > static_cast<std::byte>(SerialOutcome::unreadable)) return std::nullopt;
  SerialAnswer answer{static_cast<SerialOutcome>(packet[0]), std::string(text_of(packet.subspan(1)))};
  const bool fits = answer.outcome == SerialOutcome::read ? is_serial(answer.serial) : answer.serial.empty();
  if (!fits) return std::nullopt;
  return answer;
}

SerialAnswer serial_answer_of(Bytes sent) {
  constexpr std::string_view padding(" \0", 2);
  std::string_view text = text_of(sent);
  const std::size_t first = text.find_first_not_of(padding);
  if (first == std::string_view::npos) return {SerialOutcome::unreadable, {}};
  text = text.substr(first, text.find_last_not_of(padding) + 1 - first);
  if (!is_serial(text)) return {SerialOutcome::unreadable, {}};
  return {SerialOutcome::read, std::string(text)};
}

}  // namespace quoin::pair
