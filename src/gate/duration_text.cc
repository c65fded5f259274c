#include "gate/duration_text.h"

#include <algorithm>
#include <charconv>

namespace quoin::gate {

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const std::string_view digits = text.substr(0, text.size() - 1);
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::int64_t count = 0;
  const bool fits = std::from_chars(digits.data(), digits.data() + digits.size(), count).ec == std::errc{};
  seconds unit;
  switch (text.back()) {
    case 's': unit = seconds(1); break;
    case 'm': unit = minutes(1); break;
    case 'h': unit = hours(1); break;
    default: return std::nullopt;
  }
  constexpr seconds longest = hours(24) * 366;
  return !fits || count > longest / unit ? longest : unit * count;
}

std::string duration_text(Duration duration) {
  const std::int64_t total = std::chrono::duration_cast<seconds>(duration).count();
  if (total != 0 && total % 3600 == 0) return std::to_string(total / 3600) + "h";
  if (total != 0 && total % 60 == 0) return std::to_string(total / 60) + "m";
  return std::to_string(total) + "s";
}

}  // namespace quoin::gate
