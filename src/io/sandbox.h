// How a tunnel gives up everything it does not need (capabilities(7), seccomp(2), prctl(2)).
//
// Afterwards the process has no capability and can get none, cannot be dumped, and may make only the calls that the
// table in sandbox_linux.cc allows: work on descriptors it has or is handed, memory that is never executable, time,
// entropy, its own end. It cannot open, connect, bind, listen, start, trace or signal anything. No call remains that
// takes an address: it sends only where a socket that it was handed is connected to, and never a descriptor. It cannot
// shut down the pair, which stands where io/spawn.h puts it; and standard error, which must be open, it can only write
// to, by write().
//
// To be made before: the Loop and every Timer (epoll, eventfd and timerfd are not made afterwards), prepare_tls(),
// start_log().
#pragma once

#include "io/descriptor.h"
#include "io/system_error.h"

namespace quoin::io {

enum class SandboxViolation {
  kill,    // the process dies with SIGSYS
  refuse,  // the call fails with EPERM: for the twin that tries them all
  report,  // the call goes through and the kernel logs it: for sanitizers, which do much on their own
};

#ifdef QUOIN_SANITIZED
constexpr SandboxViolation usual_violation = SandboxViolation::report;
#else
constexpr SandboxViolation usual_violation = SandboxViolation::kill;
#endif

Result<void, SystemError> enter_sandbox(SandboxViolation violation = usual_violation);

// From now on the kernel kills this process when the thread that started it ends (PR_SET_PDEATHSIG). `pair` is our end
// of the socket pair which that process made; false if that process is our parent no longer, so that we go at once.
Result<bool, SystemError> die_with_parent(const Descriptor& pair);

}  // namespace quoin::io
