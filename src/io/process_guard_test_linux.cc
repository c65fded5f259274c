// Where a test runs no event loop while it waits, whatever dies has been killed by the guard's own thread.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/process_guard.h"
#include "io/run_until.h"
#include "io/stop_signals.h"
#include "io/unix_client.h"
#include "io/unix_listener.h"

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

TEST(ProcessGuard, kills_at_the_deadline_without_any_event_loop_and_nobody_else) {
  Sleeper due, later;
  Loop loop;
  Closer closer;
  ProcessGuard guard(loop, closer, {}, [] {});
  guard.watch(1, "mfp", later.handle(), never, never_wall);
  guard.watch(2, "mfp", due.handle(), now() + milliseconds(20), never_wall);
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
  EXPECT_TRUE(later.lives());
}

TEST(ProcessGuard, kills_by_the_calendar_too) {
  Sleeper due;
  Loop loop;
  Closer closer;
  ProcessGuard guard(loop, closer, {}, [] {});
  guard.watch(1, "mfp", due.handle(), never, wall_time() + milliseconds(20));
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
}

TEST(ProcessGuard, kills_what_is_stopped) {
  Sleeper due;
  due.stop();
  Loop loop;
  Closer closer;
  ProcessGuard guard(loop, closer, {}, [] {});
  guard.watch(1, "mfp", due.handle(), now(), never_wall);
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
}

TEST(ProcessGuard, a_deadline_moves_to_a_later_and_to_an_earlier_moment) {
  bool moved_in_time = false;
  for (Duration first = milliseconds(20); !moved_in_time; first *= 2) {  // until this thread is quick enough
    Sleeper prolonged, shortened;
    Loop loop;
    Closer closer;
    ProcessGuard guard(loop, closer, {}, [] {});
    const Instant due = now() + first;
    guard.watch(1, "mfp", prolonged.handle(), due, never_wall);
    guard.watch(2, "mfp", shortened.handle(), never, never_wall);
    guard.move(1, never, never_wall);
    moved_in_time = now() < due;
    guard.move(2, due + milliseconds(20), never_wall);  // the first deadline of the other has passed by then
    EXPECT_EQ(shortened.signal_that_ended_it(), SIGKILL);
    EXPECT_TRUE(prolonged.lives() || !moved_in_time);
  }
}

TEST(ProcessGuard, what_is_forgotten_lives) {
  Sleeper forgotten, due;
  Loop loop;
  Closer closer;
  ProcessGuard guard(loop, closer, {}, [] {});
  guard.watch(1, "mfp", forgotten.handle(), never, never_wall);
  guard.forget(1);
  guard.move(1, now(), never_wall);
  guard.watch(2, "mfp", due.handle(), now(), never_wall);
  EXPECT_EQ(due.signal_that_ended_it(), SIGKILL);
  EXPECT_TRUE(forgotten.lives());
}

TEST(ProcessGuard, its_own_end_kills_nobody) {
  Sleeper watched;
  {
    Loop loop;
    Closer closer;
    ProcessGuard guard(loop, closer, {}, [] {});
    guard.watch(1, "mfp", watched.handle(), never, never_wall);
  }
  EXPECT_TRUE(watched.lives());
}

// ---- stops

Result<ListeningSocket, FileFailure> listening_in(const std::string& folder, std::uint32_t mode) {
  return ListeningSocket::open(TRY(Folder::make(folder, {.mode = 0700, .group = std::nullopt})),
                               {.name = "stop", .mode = mode, .group = std::nullopt});
}

// A guard with a stop socket, at which `ask` asks.
class Stopping : public testing::Test {
 protected:
  void SetUp() override {
    char made[] = "/tmp/quoin-stop-XXXXXX";
    ASSERT_NE(mkdtemp(made), nullptr);
    folder = made;
    auto listening = listening_in(folder, 0600);
    ASSERT_TRUE(listening);
    const auto understand = [](std::string_view line) -> Result<ProcessGuard::Wish, std::string> {
      if (line == "rubbish") return failure<std::string>("not understood");
      return ProcessGuard::Wish{line == "all" ? std::nullopt : std::optional<std::string>(line), line != "nosuch"};
    };
    const auto answer = [](const ProcessGuard::Outcome& outcome) {
      std::string text = outcome.loop_took_it ? "taken" : "not taken";
      text += outcome.all_gone ? ", gone:" : ", not gone:";
      for (const std::string& each : outcome.killed) text += " " + each;
      return text;
    };
    guard.emplace(
        loop, closer,
        ProcessGuard::Options{
            .stop_socket = std::move(*listening), .signals = {}, .words = {.understand = understand, .answer = answer}},
        [this] { take(); });
  }
  void TearDown() override {
    guard.reset();
    std::filesystem::remove_all(folder);
  }

  std::string ask(const std::string& line) const {
    auto client = UnixClient::connect(folder + "/stop");
    if (!client || !client->send_line(line)) return "no connection";
    return client->receive_line(seconds(5)).value_or("no answer");
  }
  void take() {
    for (auto& each : guard->take()) taken.push_back(std::move(each));
  }

  Loop loop;
  Closer closer;
  std::string folder;
  std::optional<ProcessGuard> guard;
  std::vector<ProcessGuard::Stop> taken;
};

// The loop opens again as soon as it has taken the stop, and takes its time for what it closes in order.
TEST_F(Stopping, what_starts_after_the_loop_took_the_stop_is_not_meant) {
  Sleeper before, after;
  guard->watch(1, "mfp", before.handle(), never, never_wall);
  auto client = UnixClient::connect(folder + "/stop");
  ASSERT_TRUE(client && client->send_line("all"));
  ASSERT_TRUE(run_until(loop, [&] { return !taken.empty(); }));
  guard->watch(2, "laser", after.handle(), never, never_wall);
  EXPECT_EQ(client->receive_line(seconds(5)).value_or("no answer"), "taken, gone: mfp");
  EXPECT_FALSE(before.lives());
  EXPECT_TRUE(after.lives());
}

TEST_F(Stopping, what_is_named_is_killed_without_any_event_loop_and_the_person_is_answered) {
  Sleeper mfp, its_helper, laser;
  guard->watch(1, "mfp", mfp.handle(), never, never_wall);
  guard->watch(2, "laser", laser.handle(), never, never_wall);
  guard->watch(3, "mfp", its_helper.handle(), never, never_wall);
  EXPECT_EQ(ask("mfp"), "not taken, gone: mfp");
  EXPECT_EQ(mfp.signal_that_ended_it(), SIGKILL);
  EXPECT_EQ(its_helper.signal_that_ended_it(), SIGKILL);
  EXPECT_TRUE(laser.lives());
  EXPECT_EQ(ask("all"), "not taken, gone: mfp laser");
  EXPECT_EQ(laser.signal_that_ended_it(), SIGKILL);
}

TEST_F(Stopping, nothing_of_that_name_starts_until_the_loop_has_heard_of_it) {
  Sleeper before, meanwhile, other, afterwards;
  guard->watch(1, "mfp", before.handle(), never, never_wall);
  ask("mfp");
  EXPECT_FALSE(guard->watch(2, "mfp", meanwhile.handle(), never, never_wall));
  EXPECT_EQ(meanwhile.signal_that_ended_it(), SIGKILL);
  EXPECT_TRUE(guard->watch(3, "laser", other.handle(), never, never_wall));
  take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].name, "mfp");
  EXPECT_EQ(taken[0].user, geteuid());
  EXPECT_TRUE(taken[0].is_done);
  EXPECT_TRUE(guard->watch(4, "mfp", afterwards.handle(), never, never_wall));
}

TEST_F(Stopping, a_loop_that_stands_still_is_told_of_each_name_once_however_often_it_was_stopped) {
  for (int i = 0; i < 3; i++) ask("mfp");
  ask("nosuch");
  ask("laser");
  take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].name, "mfp");
  EXPECT_EQ(taken[1].name, "laser");
}

TEST_F(Stopping, a_loop_that_answers_is_let_do_it_its_own_way) {
  Sleeper running;
  guard->watch(1, "mfp", running.handle(), never, never_wall);
  std::string answer;
  std::thread person([&] { answer = ask("mfp"); });
  EXPECT_TRUE(run_until(loop, [&] { return taken.size() == 1; }));
  EXPECT_FALSE(taken[0].is_done);
  EXPECT_TRUE(running.lives());
  guard->forget(1);  // it has gone by itself
  guard->answer(taken[0].id, "in order");
  person.join();
  EXPECT_EQ(answer, "in order");
  EXPECT_TRUE(running.lives());
  EXPECT_TRUE(guard->take().empty());
}

TEST_F(Stopping, a_loop_that_takes_it_and_does_nothing_is_not_waited_for) {
  Sleeper running;
  guard->watch(1, "mfp", running.handle(), never, never_wall);
  std::string answer;
  std::thread person([&] { answer = ask("mfp"); });
  EXPECT_TRUE(run_until(loop, [&] { return taken.size() == 1; }));
  person.join();
  EXPECT_EQ(answer, "taken, gone: mfp");
  EXPECT_EQ(running.signal_that_ended_it(), SIGKILL);
  take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[1].id, taken[0].id);
  EXPECT_TRUE(taken[1].is_done);
  guard->answer(taken[1].id, "too late");
  EXPECT_TRUE(guard->take().empty());
}

TEST_F(Stopping, rubbish_is_answered_and_stops_nothing) {
  Sleeper running;
  guard->watch(1, "mfp", running.handle(), never, never_wall);
  EXPECT_EQ(ask("rubbish"), "not understood");
  EXPECT_EQ(ask("nosuch"), "not taken, gone:");
  EXPECT_TRUE(running.lives());
  EXPECT_TRUE(guard->take().empty());
}

TEST(StopSignals, kill_what_is_watched_and_let_nothing_start_though_the_loop_stands_still) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const pid_t child = fork();
    if (child == 0) {
      Descriptor signals = catch_stop_signals();
      Sleeper running, late;
      Loop loop;
      Closer closer;
      ProcessGuard guard(loop, closer, {.stop_socket = std::nullopt, .signals = std::move(signals), .words = {}},
                         [] {});
      guard.watch(1, "mfp", running.handle(), never, never_wall);
      kill(getpid(), number);
      const bool is_killed = running.signal_that_ended_it() == SIGKILL;
      const bool is_refused = !guard.watch(2, "mfp", late.handle(), never, never_wall);
      const auto told = guard.take();
      _exit(is_killed && is_refused && told.size() == 1 && told[0].by_signal ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << number;
  }
}

}  // namespace
}  // namespace quoin::io
