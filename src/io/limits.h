// What a process of ours sets for itself before anything else.
#pragma once

#include <cstddef>

#include "io/system_error.h"

namespace quoin::io {

constexpr std::size_t descriptors_wanted = 65'536;

std::size_t raise_descriptor_limit();           // towards descriptors_wanted, as far as allowed; what it is now
Result<void, SystemError> forbid_core_dumps();  // RLIMIT_CORE 0 and PR_SET_DUMPABLE 0: no dump, no ptrace by equals
std::size_t open_descriptors();                 // of this process; needs /proc

}  // namespace quoin::io
