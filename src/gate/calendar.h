// The calendar in text: RFC 3339 in UTC, which is what audit records and status replies carry.
#pragma once

#include <string>

#include "base/time.h"

namespace quoin::gate {

std::string calendar_text(WallTime wall);              // "2026-11-24T06:10:00Z"
std::string calendar_text_with_millis(WallTime wall);  // "2026-11-24T06:10:00.123Z"

}  // namespace quoin::gate
