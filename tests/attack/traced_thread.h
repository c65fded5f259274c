// A thread of another process, stopped from outside, that can be made to do system calls (ptrace(2)).
//
// Each call runs in the thread itself: with its descriptors, its user, its filter of system calls. So what the filter
// kills, kills it. Between calls it stands still; let go, it continues where it was stopped, with a call that this had
// interrupted begun anew as after a signal. Takes CAP_SYS_PTRACE, with which neither another user nor
// PR_SET_DUMPABLE is in the way. If this tool dies, so does the process.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace quoin::attack {

struct Died {
  bool by_signal = false;
  int value = 0;  // the signal, or the exit status
};

struct SystemCall {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

// What a call returned (an error as -errno), or that the process did not survive it.
using Outcome = std::variant<std::int64_t, Died>;

class TracedThread {
 public:
  // thread: a thread's number; a process's own is that of its first thread. The error is a sentence.
  static Result<std::unique_ptr<TracedThread>, std::string> stop(int thread);
  virtual ~TracedThread() = default;  // lets it go

  // A call that takes longer than ten seconds is interrupted: -EINTR.
  virtual Outcome call(const SystemCall& call) = 0;
  virtual bool write_memory(std::uint64_t address, Bytes bytes) = 0;
  virtual bool read_memory(std::uint64_t address, MutableBytes space) = 0;
  virtual std::optional<Died> look_whether_it_died() = 0;  // has to be asked: until then its parent is not told
};

}  // namespace quoin::attack
