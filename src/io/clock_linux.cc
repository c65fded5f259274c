#include <cassert>

#include <time.h>

#include "io/clock.h"

namespace quoin::io {

namespace {

Duration read_clock(clockid_t clock) {
  timespec time{};
  const int read = clock_gettime(clock, &time);
  assert(read == 0);
  (void)read;
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

}  // namespace

Instant now() {
  return {read_clock(CLOCK_BOOTTIME)};
}

WallTime wall_time() {
  return {read_clock(CLOCK_REALTIME)};
}

}  // namespace quoin::io
