#include <algorithm>
#include <csignal>
#include <sstream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/child_log.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/run_until.h"
#include "io/timer.h"

namespace quoin::io {
namespace {

// A process that logs onto a pipe of which this side reads the end.
class Logging : public testing::Test {
 protected:
  void start(void (*log_something)(int said)) {
    int standard_error[2], said[2];
    ASSERT_EQ(pipe2(standard_error, O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(said, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
      dup2(standard_error[1], STDERR_FILENO);
      close(standard_error[0]);
      start_log("test", LogLevel::info);
      log_something(said[1]);
      _exit(0);
    }
    close(standard_error[1]);
    close(said[1]);
    log_end = Descriptor(standard_error[0]);
    said_end = Descriptor(said[0]);
  }
  void TearDown() override {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  bool has_returned() const {  // from all that it logs
    pollfd said{said_end.number(), POLLIN, 0};
    return poll(&said, 1, 10'000) == 1;
  }
  std::string all_logged() const {
    const auto all = read_to_end(log_end, 1 << 20);
    return all ? std::string(text_of(*all)) : "";
  }

  pid_t pid = -1;
  Descriptor log_end, said_end;
};

constexpr int lines = 3000;

void log_too_much(int said) {
  {
    LogThread thread;
    for (int i = 0; i < lines; i++) log(LogLevel::info, "line " + std::to_string(i) + std::string(100, '.'));
    static_cast<void>(!write(said, "x", 1));
    close(said);
    pause();
  }
}

TEST_F(Logging, waits_for_nobody_who_does_not_read) {
  start(log_too_much);
  EXPECT_TRUE(has_returned());
}

void log_too_much_and_read_later(int said) {
  LogThread thread;
  for (int i = 0; i < lines; i++) log(LogLevel::info, "line " + std::to_string(i) + std::string(100, '.'));
  static_cast<void>(!write(said, "x", 1));
  sleep(1);
}

TEST_F(Logging, says_how_many_lines_were_dropped_once_somebody_reads) {
  start(log_too_much_and_read_later);
  ASSERT_TRUE(has_returned());
  std::istringstream all(all_logged());
  int written = 0, dropped = 0;
  for (std::string line; std::getline(all, line);) {
    if (line.ends_with("dropped, because nobody took what is written here")) {
      dropped += std::stoi(line.substr(std::string_view("test: warning: ").size()));
    } else {
      EXPECT_TRUE(line.starts_with("test: info: line "));
      written++;
    }
  }
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(written + dropped, lines);
}

void log_to_nobody(int said) {
  LogThread thread;
  for (int i = 0; i < 100; i++) log(LogLevel::info, "to nobody");
  static_cast<void>(!write(said, "x", 1));
  sleep(1);
}

TEST_F(Logging, a_reader_that_has_gone_is_no_end) {
  signal(SIGPIPE, SIG_IGN);
  start(log_to_nobody);
  log_end.close();
  EXPECT_TRUE(has_returned());
}

class ChildLogTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    reading = Descriptor(ends[0]);
    writing = Descriptor(ends[1]);
  }
  void say(const std::string& text) const { ASSERT_GT(write(writing.number(), text.data(), text.size()), 0); }

  Loop loop;
  Descriptor reading, writing;
};

TEST_F(ChildLogTest, says_whose_line_it_is) {
  testing::internal::CaptureStderr();
  ChildLog child(loop, std::move(reading), "mfp");
  say("one\ntwo\x1b[2J\nthe rest");
  writing.close();
  bool turned = false;
  Timer timer(loop, [&] { turned = true; });
  timer.set(now() + milliseconds(50));
  EXPECT_TRUE(run_until(loop, [&] { return turned; }));
  child.finish();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "quoin: info: mfp: one\nquoin: info: mfp: two?[2J\nquoin: info: mfp: the rest\n");
}

TEST_F(ChildLogTest, one_that_says_too_much_is_cut_short_and_what_it_lost_is_counted) {
  testing::internal::CaptureStderr();
  ChildLog child(loop, std::move(reading), "mfp");
  for (int i = 0; i < 1000; i++) say("line\n");
  bool turned = false;
  Timer timer(loop, [&] { turned = true; });
  timer.set(now() + milliseconds(50));
  EXPECT_TRUE(run_until(loop, [&] { return turned; }));
  writing.close();
  child.finish();
  const std::string all = testing::internal::GetCapturedStderr();
  const auto written = static_cast<std::size_t>(std::ranges::count(all, '\n'));
  EXPECT_GE(written, ChildLog::lines_burst);
  EXPECT_LE(written, ChildLog::lines_burst + 3);
  EXPECT_NE(all.find("mfp: said more than is written here; 9"), std::string::npos) << all.substr(all.size() - 200);
}

}  // namespace
}  // namespace quoin::io
