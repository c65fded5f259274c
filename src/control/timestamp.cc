#include "control/timestamp.h"

#include <chrono>

namespace quoin::control {
namespace {

// Two or four digits at the front of `text`, then one of `ends` (or nothing more, if it is empty).
std::optional<int> take_number(std::string_view& text, std::size_t digits, std::string_view end) {
  if (text.size() < digits + end.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (text.substr(digits, end.size()) != end) return std::nullopt;
  text.remove_prefix(digits + end.size());
  return value;
}

// ".123" is dropped; at least one digit must follow the point.
bool skip_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return true;
  const std::size_t end = text.find_first_not_of("0123456789", 1);
  if (end == 1 || end == std::string_view::npos) return false;
  text.remove_prefix(end);
  return true;
}

// "Z", "+hh:mm" or "-hh:mm", to the end; in seconds east of UTC.
std::optional<std::int64_t> take_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take_number(text, 2, ":");
  const auto minute = take_number(text, 2, "");
  if (!hour || !minute || !text.empty() || *hour > 23 || *minute > 59) return std::nullopt;
  const std::int64_t size = *hour * 3600 + *minute * 60;
  return east ? size : -size;
}

void append_padded(std::string& out, std::int64_t value, std::size_t digits) {
  const std::string plain = std::to_string(value);
  if (plain.size() < digits) out.append(digits - plain.size(), '0');
  out += plain;
}

}  // namespace

std::optional<Timestamp> Timestamp::parse(std::string_view text) {
  const auto year = take_number(text, 4, "-");
  const auto month = take_number(text, 2, "-");
  const auto day = take_number(text, 2, "");
  if (!year || !month || !day || text.empty() || (text[0] != 'T' && text[0] != 't')) return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take_number(text, 2, ":");
  const auto minute = take_number(text, 2, ":");
  const auto second = take_number(text, 2, "");
  if (!hour || !minute || !second || !skip_fraction(text)) return std::nullopt;
  const auto offset = take_offset(text);
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !date.ok() || *year < 1 || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const Timestamp out{days * 86'400 + *hour * 3600 + *minute * 60 + *second - *offset};
  constexpr std::int64_t year_10000 = 253'402'300'800;
  if (out.unix_seconds < none || out.unix_seconds >= year_10000) return std::nullopt;
  return out;
}

std::string Timestamp::text() const {
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::int64_t second = (time - day).count();
  std::string out;
  append_padded(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, second / 3600, 2);
  out += ':';
  append_padded(out, second / 60 % 60, 2);
  out += ':';
  append_padded(out, second % 60, 2);
  out += 'Z';
  return out;
}

}  // namespace quoin::control
