// Durations as people write them: a whole number and one unit, "45s", "30m", "4h". Nothing else parses: no sign, no
// fraction, no exponent, no two units, no missing unit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace quoin::gate {

// What is longer than a year counts as a year, so that no sum with a clock can overflow and whoever has a limit can say
// that it is over it. Zero parses; whoever needs time refuses it.
std::optional<Duration> parse_duration(std::string_view text);
std::string duration_text(Duration duration);  // in the largest of these units that is exact to the second

}  // namespace quoin::gate
