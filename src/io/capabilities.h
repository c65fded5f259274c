// Which of root's rights this process has, and how it gives up the others (capabilities(7)).
#pragma once

#include <initializer_list>
#include <span>

#include "io/system_error.h"

namespace quoin::io {

bool has_capabilities(std::initializer_list<int> numbers);  // all of them, in effect: CAP_KILL, ...

// What the gate keeps of root's rights for as long as it runs; src/io/capabilities_linux.cc says why each.
std::span<const int> capabilities_of_gate();

// From now on this process has at most these, no program that it starts gets any, and none can be got back. To be
// called before any thread is started: each has its own.
Result<void, SystemError> give_up_capabilities_except(std::span<const int> kept);

}  // namespace quoin::io
