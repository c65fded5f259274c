// Under which numbers the guard watches the agent's processes: tunnels under their session's, the others from here on.
#pragma once

#include "io/process_guard.h"

namespace quoin::apps {

constexpr io::ProcessGuard::Key first_resolver_key = io::ProcessGuard::Key(1) << 62;
constexpr io::ProcessGuard::Key first_reading_key = io::ProcessGuard::Key(1) << 63;

}  // namespace quoin::apps
