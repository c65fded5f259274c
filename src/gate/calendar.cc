#include "gate/calendar.h"

#include <chrono>
#include <cstdio>

namespace quoin::gate {
namespace {

std::string text(WallTime wall, bool with_millis) {
  using namespace std::chrono;
  const sys_time<milliseconds> at(floor<milliseconds>(wall.since_zero));
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss time(at - day);
  char out[64];
  int length = std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                             static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                             static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                             static_cast<int>(time.seconds().count()));
  std::string whole(out, static_cast<std::size_t>(length));
  if (with_millis) {
    length = std::snprintf(out, sizeof out, ".%03d", static_cast<int>(time.subseconds().count()));
    whole.append(out, static_cast<std::size_t>(length));
  }
  return whole + "Z";
}

}  // namespace

std::string calendar_text(WallTime wall) {
  return text(wall, false);
}
std::string calendar_text_with_millis(WallTime wall) {
  return text(wall, true);
}

}  // namespace quoin::gate
