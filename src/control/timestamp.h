// Calendar times as control messages write them: RFC 3339, whose year 1 means "none" in Go.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace quoin::control {

struct Timestamp {
  // Seconds resolution is all that any message needs; fractions are read and dropped. Years 1 to 9999.
  std::int64_t unix_seconds = none;

  static constexpr std::int64_t none = -62'135'596'800;  // 0001-01-01T00:00:00Z

  bool is_zero() const { return unix_seconds == none; }
  static std::optional<Timestamp> parse(std::string_view text);  // "2026-09-01T08:00:00Z", also with offset or fraction
  std::string text() const;                                      // always in UTC
  auto operator<=>(const Timestamp&) const = default;
};

}  // namespace quoin::control
