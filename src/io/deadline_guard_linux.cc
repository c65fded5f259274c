#include <algorithm>
#include <csignal>
#include <utility>

#include <sys/syscall.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/deadline_guard.h"

namespace quoin::io {

DeadlineGuard::DeadlineGuard() : thread_([this] { work(); }) {}

DeadlineGuard::~DeadlineGuard() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void DeadlineGuard::watch(Key key, Descriptor process, Instant at, WallTime wall) {
  {
    const std::lock_guard lock(mutex_);
    watched_.push_back({key, std::move(process), at, wall});
  }
  changed_.notify_one();
}

void DeadlineGuard::move(Key key, Instant at, WallTime wall) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(watched_, key, &Watched::key);
    if (found == watched_.end()) return;
    found->at = at;
    found->wall = wall;
  }
  changed_.notify_one();
}

void DeadlineGuard::forget(Key key) {
  const std::lock_guard lock(mutex_);
  std::erase_if(watched_, [key](const Watched& each) { return each.key == key; });
}

void DeadlineGuard::work() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    kill_those_due(now(), wall_time());
    if (watched_.empty()) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, until_next_look(now()));
    }
  }
}

void DeadlineGuard::kill_those_due(Instant now, WallTime wall) {
  std::erase_if(watched_, [&](const Watched& each) {
    if (now < each.at && wall < each.wall) return false;
    syscall(SYS_pidfd_send_signal, each.process.number(), SIGKILL, nullptr, 0);  // its end is for others to notice
    return true;
  });
}

Duration DeadlineGuard::until_next_look(Instant now) const {
  Duration wait = look_every;
  for (const Watched& each : watched_) wait = std::clamp(each.at - now, Duration(0), wait);
  return wait;
}

}  // namespace quoin::io
