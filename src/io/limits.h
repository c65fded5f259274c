// What a process of ours sets for itself before anything else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/system_error.h"

namespace quoin::io {

constexpr std::size_t descriptors_wanted = 65'536;

std::size_t raise_descriptor_limit();           // towards descriptors_wanted, as far as allowed; what it is now
Result<void, SystemError> forbid_core_dumps();  // RLIMIT_CORE 0 and PR_SET_DUMPABLE 0: no dump, no ptrace by equals
// Nothing that this process has in memory, now or later, is written to swap, so no key is. It takes CAP_IPC_LOCK for as
// long as the process runs, or an unlimited RLIMIT_MEMLOCK: a process that has neither, or gives its capabilities up,
// locks nothing, because it could not allocate what it may not lock. Sanitizers, whose shadow is huge, are left alone.
enum class Capabilities : std::uint8_t { kept, given_up };
Result<void, SystemError> keep_out_of_swap(Capabilities later);
bool has_swap();

std::size_t open_descriptors();  // of this process; needs /proc

}  // namespace quoin::io
