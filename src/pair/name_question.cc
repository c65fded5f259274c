#include "pair/name_question.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace quoin::pair {
namespace {

void append_number(Buffer& packet, std::uint32_t number) {
  std::array<std::byte, 4> space{};
  Writer writer(space);
  writer.u32(number, Endian::little);
  append(packet, space);
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& each : out) {
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
  }
  return out;
}

// The next word of a line; the line loses it.
std::string_view next_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = std::min(line.find_first_not_of(blanks), line.size());
  line.remove_prefix(first);
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_';
  });
}

Buffer encode(const NameQuestion& question) {
  assert(is_name(question.name));
  Buffer packet;
  append_number(packet, question.number);
  packet.push_back(std::byte(question.with_host_table ? 1 : 0));
  append(packet, bytes_of(question.name));
  return packet;
}

std::optional<NameQuestion> decode_name_question(Bytes packet) {
  Reader reader(packet);
  NameQuestion question;
  question.number = reader.u32(Endian::little);
  const std::uint8_t with_host_table = reader.u8();
  if (!reader.ok() || with_host_table > 1) return std::nullopt;
  question.with_host_table = with_host_table == 1;
  question.name = std::string(text_of(reader.rest()));
  if (!is_name(question.name)) return std::nullopt;
  return question;
}

Buffer encode(const NameAnswer& answer) {
  assert((answer.outcome == NameOutcome::found) == !answer.addresses.empty());
  assert(answer.addresses.size() <= addresses_of_name_max);
  Buffer packet;
  append_number(packet, answer.number);
  packet.push_back(static_cast<std::byte>(answer.outcome));
  for (const IpAddress& address : answer.addresses) {
    packet.push_back(std::byte(address.is_v4() ? 4 : 6));
    append(packet, address.bytes());
  }
  return packet;
}

std::optional<NameAnswer> decode_name_answer(Bytes packet) {
  Reader reader(packet);
  NameAnswer answer;
  answer.number = reader.u32(Endian::little);
  const std::uint8_t outcome = reader.u8();
  if (!reader.ok() || outcome > std::to_underlying(NameOutcome::failed)) return std::nullopt;
  answer.outcome = static_cast<NameOutcome>(outcome);
  while (reader.ok() && reader.remaining() > 0) {
    const std::uint8_t family = reader.u8();
    if (family != 4 && family != 6) return std::nullopt;
    const auto address = IpAddress::from_bytes(reader.take(family == 4 ? 4 : 16));
    if (!reader.ok() || !address || address->is_v4() != (family == 4)) return std::nullopt;
    if (answer.addresses.size() == addresses_of_name_max) return std::nullopt;
    answer.addresses.push_back(*address);
  }
  if ((answer.outcome == NameOutcome::found) == answer.addresses.empty()) return std::nullopt;
  return answer;
}

std::vector<IpAddress> addresses_in_host_table(std::string_view table, std::string_view name) {
  std::vector<IpAddress> found;
  const std::string wanted = lowered(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
  while (!table.empty() && found.size() < addresses_of_name_max) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    std::string_view line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    line = line.substr(0, line.find('#'));
    const auto address = IpAddress::parse(next_word(line));
    if (!address) continue;
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      if (lowered(word) != wanted) continue;
      if (std::ranges::find(found, *address) == found.end()) found.push_back(*address);
      break;
    }
  }
  return found;
}

}  // namespace quoin::pair
