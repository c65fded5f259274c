// Two clocks that do not convert into each other.
//
// Instant is monotonic and goes on while the machine sleeps (CLOCK_BOOTTIME at the edge). WallTime is the calendar, in
// Unix time, and may jump. Pure code is told either one as its last argument and never asks for it.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace quoin {

using Duration = std::chrono::nanoseconds;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace time_details {

// A point on the clock named by Tag, in nanoseconds since that clock's zero.
template <class Tag>
struct Point {
  Duration since_zero{0};

  constexpr auto operator<=>(const Point&) const = default;
  constexpr Point operator+(Duration d) const { return {since_zero + d}; }
  constexpr Point operator-(Duration d) const { return {since_zero - d}; }
  constexpr Duration operator-(Point other) const { return since_zero - other.since_zero; }
  constexpr Point& operator+=(Duration d) {
    since_zero += d;
    return *this;
  }
  static constexpr Point max() { return {Duration::max()}; }
};

}  // namespace time_details

using Instant = time_details::Point<struct InstantTag>;
using WallTime = time_details::Point<struct WallTimeTag>;

}  // namespace quoin
