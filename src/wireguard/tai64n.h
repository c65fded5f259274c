// TAI64N timestamps (https://cr.yp.to/libtai/tai64.html), by which a responder knows a newer initiation from a replayed
// one (WireGuard paper, section 5.1).
//
// The label is whitened to steps of 2^24 ns (about 17 ms), so that it tells nobody how our clock drifts. It is made
// from the wall clock once and from elapsed time after that: setting the wall clock back must not make peers ignore us.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/time.h"

namespace quoin::wireguard {

// Big endian: 2^62 + 10 + Unix seconds, then nanoseconds. Bytewise order is order in time.
using Tai64n = std::array<std::byte, 12>;

class Tai64nClock {
 public:
  Tai64nClock(Instant now, WallTime wall) : started_(now), wall_(wall) {}
  Tai64n at(Instant now) const;                         // whitened
  Tai64n after(const Tai64n& last, Instant now) const;  // the same, or one step beyond `last` if that is later

 private:
  Instant started_;
  WallTime wall_;
};

}  // namespace quoin::wireguard
