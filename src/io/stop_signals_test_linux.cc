#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/run_until.h"
#include "io/stop_signals.h"

namespace quoin::io {
namespace {

TEST(StopSignals, become_a_call_from_the_loop) {
  const pid_t child = fork();
  if (child == 0) {
    Loop loop;
    int stops = 0;
    StopSignals signals(loop, [&] { stops++; });
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) kill(getpid(), number);
    _exit(run_until(loop, [&] { return stops == 3; }) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace quoin::io
