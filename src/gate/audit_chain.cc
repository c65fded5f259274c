#include "gate/audit_chain.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "crypto/hash.h"
#include "gate/calendar.h"

namespace quoin::gate {
namespace {

constexpr std::string_view line_start = "{\"seq\":";
constexpr std::string_view hash_start = ",\"hash\":\"";
constexpr std::string_view line_end = "\"}";
constexpr std::size_t hash_digits = 64;

bool is_hash(std::string_view text) {
  return text.size() == hash_digits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// A number without sign or leading zero, up to `after`, which is taken off as well.
std::optional<std::uint64_t> take_number(std::string_view& text, char after) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() + text.size() || *end != after) return std::nullopt;
  if (text.front() == '0' && end != text.data() + 1) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return number;
}

constexpr std::string_view name_start = "audit";
constexpr std::string_view name_end = ".jsonl";
constexpr std::size_t name_digits = 5;

}  // namespace

std::string audit_file_name(std::uint64_t number) {
  assert(number >= 1 && number <= audit_files_max);
  std::string digits = std::to_string(number);
  digits.insert(0, name_digits - digits.size(), '0');
  return std::string(name_start) + (number == 1 ? "" : "-" + digits) + std::string(name_end);
}

std::optional<std::uint64_t> audit_file_number(std::string_view name) {
  if (name == audit_file_name(1)) return 1;
  if (!name.starts_with(name_start) || name.size() != name_start.size() + 1 + name_digits + name_end.size()) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(name_start.size() + 1, name_digits);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number > 1 && audit_file_name(number) == name ? std::optional(number) : std::nullopt;
}

FileContinued continuation(const AuditPlace& before) {
  return {.file = audit_file_name(before.file), .last_sequence = before.last.sequence, .last_hash = before.last.hash};
}

std::string AuditHead::text() const {
  return std::string(line_start) + std::to_string(sequence) + std::string(hash_start) + hash + std::string(line_end) +
         "\n";
}

std::optional<AuditHead> AuditHead::parse(std::string_view head_file) {
  AuditHead head;
  std::string_view rest = head_file;
  if (!rest.starts_with(line_start)) return std::nullopt;
  rest.remove_prefix(line_start.size());
  const auto sequence = take_number(rest, ',');
  if (!sequence || rest.size() < hash_start.size() - 1 + hash_digits) return std::nullopt;
  head.sequence = *sequence;
  head.hash = rest.substr(hash_start.size() - 1, hash_digits);
  if (!is_hash(head.hash) || head.text() != head_file) return std::nullopt;
  return head;
}

std::string chain_hash(std::string_view previous_hash, std::string_view hashed) {
  return to_hex(crypto::sha256({bytes_of(previous_hash), bytes_of(hashed)}));
}

AuditLine next_line(const AuditHead& after, const AuditRecord& record, WallTime wall) {
  AuditLine out;
  out.head.sequence = after.sequence + 1;
  out.line = std::string(line_start) + std::to_string(out.head.sequence) + ",\"time\":\"" +
             calendar_text_with_millis(wall) + "\"," + members_of(record);
  out.head.hash = chain_hash(after.hash, out.line);
  out.line += std::string(hash_start) + out.head.hash + std::string(line_end) + "\n";
  assert(out.line.size() <= audit_line_bytes_max);
  return out;
}

std::optional<AuditLineParts> take_apart(std::string_view line) {
  const std::size_t tail = hash_start.size() + hash_digits + line_end.size();
  if (line.size() < tail || line.size() >= audit_line_bytes_max || !line.starts_with(line_start)) return std::nullopt;
  const std::string_view hashed = line.substr(0, line.size() - tail);
  std::string_view rest = line.substr(hashed.size());
  if (!rest.starts_with(hash_start) || !rest.ends_with(line_end)) return std::nullopt;
  const std::string_view hash = rest.substr(hash_start.size(), hash_digits);
  std::string_view members = hashed.substr(line_start.size());
  const auto sequence = take_number(members, ',');
  if (!sequence || !is_hash(hash)) return std::nullopt;
  return AuditLineParts{*sequence, hashed, hash};
}

}  // namespace quoin::gate
