// No test here runs an event loop while it waits: whatever dies, the guard's own thread has killed.
#include <cerrno>
#include <csignal>
#include <optional>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/deadline_guard.h"

namespace quoin::io {
namespace {

// A process that does nothing, and would do so for ever.
class Sleeper {
 public:
  Sleeper() : pid_(fork()) {
    if (pid_ != 0) return;
    for (;;) pause();
  }
  ~Sleeper() {
    if (is_reaped_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  Descriptor handle() const { return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0))); }
  void stop() const { kill(pid_, SIGSTOP); }
  int signal_that_ended_it() {  // waits for it
    int status = 0;
    is_reaped_ = waitpid(pid_, &status, 0) == pid_;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  pid_t pid_;
  bool is_reaped_ = false;
};

constexpr Instant never = Instant::max();
constexpr WallTime never_wall = WallTime::max();

TEST(DeadlineGuard, kills_at_the_deadline_without_any_event_loop_and_nobody_else) {
  Sleeper due, later;
  DeadlineGuard guard;
  guard.watch(1, later.handle(), never, never_wall);
  guard.watch(2, due.handle(), now() + milliseconds(20), never_wall);
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
  EXPECT_TRUE(later.lives());
}

TEST(DeadlineGuard, kills_by_the_calendar_too) {
  Sleeper due;
  DeadlineGuard guard;
  guard.watch(1, due.handle(), never, wall_time() + milliseconds(20));
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
}

TEST(DeadlineGuard, kills_what_is_stopped) {
  Sleeper due;
  due.stop();
  DeadlineGuard guard;
  guard.watch(1, due.handle(), now(), never_wall);
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
}

TEST(DeadlineGuard, a_deadline_moves_to_a_later_and_to_an_earlier_moment) {
  bool moved_in_time = false;
  for (Duration first = milliseconds(20); !moved_in_time; first *= 2) {  // until this thread is quick enough
    Sleeper prolonged, shortened;
    DeadlineGuard guard;
    const Instant due = now() + first;
    guard.watch(1, prolonged.handle(), due, never_wall);
    guard.watch(2, shortened.handle(), never, never_wall);
    guard.move(1, never, never_wall);
    moved_in_time = now() < due;
    guard.move(2, due + milliseconds(20), never_wall);  // the first deadline of the other has passed by then
    EXPECT_EQ(shortened.signal_that_ended_it(), SIGKILL);
    EXPECT_TRUE(prolonged.lives() || !moved_in_time);
  }
}

TEST(DeadlineGuard, what_is_forgotten_lives) {
  Sleeper forgotten, due;
  DeadlineGuard guard;
  guard.watch(1, forgotten.handle(), never, never_wall);
  guard.forget(1);
  guard.move(1, now(), never_wall);
  guard.watch(2, due.handle(), now(), never_wall);
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
  EXPECT_TRUE(forgotten.lives());
}

TEST(DeadlineGuard, its_own_end_kills_nobody) {
  Sleeper watched;
  {
    DeadlineGuard guard;
    guard.watch(1, watched.handle(), never, never_wall);
  }
  EXPECT_TRUE(watched.lives());
}

}  // namespace
}  // namespace quoin::io
