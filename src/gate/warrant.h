// What the person on site grants: one device, which services, which engineers, until when. Made at the agent and
// nowhere else; nothing that arrives over a network can make one, widen one or prolong one.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "pair/services.h"

namespace quoin::gate {

// A moment by both clocks.
struct Ends {
  Instant at;
  WallTime wall;

  Ends operator+(Duration d) const { return {at + d, wall + d}; }
};

struct Warrant {
  std::string device;
  pair::Services services;
  std::vector<std::string> engineers;  // login names; "*" means every person
  std::string opened_by;               // the local user
  std::string reason;
  Instant ends;        // by the clock that counts sleep
  WallTime ends_wall;  // by the calendar; whichever comes first ends it
};

}  // namespace quoin::gate
