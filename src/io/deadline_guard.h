// Kills processes at their deadlines, whatever the event loop does or waits for: on a thread of its own, which waits
// for nothing but the clocks. A disk or a user directory that hangs may hold the loop for as long as it likes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.h"
#include "io/descriptor.h"

namespace quoin::io {

class DeadlineGuard {
 public:
  // How often it looks at both clocks while it watches anything: the calendar may jump, and the machine may have slept.
  static constexpr Duration look_every = milliseconds(500);

  using Key = std::uint64_t;

  DeadlineGuard();
  ~DeadlineGuard();  // kills nobody
  DeadlineGuard(const DeadlineGuard&) = delete;
  DeadlineGuard& operator=(const DeadlineGuard&) = delete;

  // `process`, a pidfd, gets SIGKILL at the first of the two moments.
  void watch(Key key, Descriptor process, Instant at, WallTime wall);
  void move(Key key, Instant at, WallTime wall);  // nothing if it is not watched, or was killed
  void forget(Key key);

 private:
  struct Watched {
    Key key;
    Descriptor process;
    Instant at;
    WallTime wall;
  };

  void work();
  void kill_those_due(Instant now, WallTime wall);
  Duration until_next_look(Instant now) const;

  std::mutex mutex_;  // held for a few instructions at a time, never across a call that can wait
  std::condition_variable changed_;
  std::vector<Watched> watched_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace quoin::io
