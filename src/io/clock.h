// The two clocks of base/time.h, read from the system.
#pragma once

#include "base/time.h"

namespace quoin::io {

Instant now();         // CLOCK_BOOTTIME: monotonic, and counts the time that the machine slept
WallTime wall_time();  // CLOCK_REALTIME, Unix time

}  // namespace quoin::io
