#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/limits.h"
#include "io/run_until.h"
#include "io/seqpacket.h"
#include "io/spawn.h"

namespace quoin::io {
namespace {

class SpawnTest : public testing::Test {
 protected:
  static constexpr std::size_t descriptors_max = 16;

  // Starts the probe and returns what it said first.
  std::string start(const std::string& task, const std::vector<std::string>& environment = {}) {
    const auto program = Program::find(QUOIN_SPAWN_PROBE);
    EXPECT_TRUE(program) << (program ? "" : program.error().text());
    if (!program) return {};
    auto made = Child::start(loop,
                             {.program = *program,
                              .arguments = {task},
                              .environment = environment,
                              .descriptors_max = descriptors_max,
                              .user = user,
                              .name = "probe"},
                             {.started = [this](Result<void, SystemError> done) { started = done.has_value(); },
                              .exited = [this](ExitStatus s) { status = s; }});
    EXPECT_TRUE(made) << (made ? "" : made.error().text());
    if (!made) return {};
    child = std::move(*made);
    pair.emplace(
        loop, child->take_pair(), 0,
        Seqpacket::Handlers{.received = [this](Seqpacket::Received r) { heard.emplace_back(text_of(r.bytes)); },
                            .closed = [this] { closed = true; }});
    EXPECT_TRUE(run_until(loop, [&] { return !heard.empty() || closed; }));
    return heard.empty() ? "" : heard.front();
  }

  Loop loop;
  std::optional<std::uint32_t> user;
  std::optional<bool> started;
  std::optional<ExitStatus> status;
  std::vector<std::string> heard;
  bool closed = false;
  std::unique_ptr<Child> child;
  std::optional<Seqpacket> pair;
};

TEST_F(SpawnTest, the_child_has_its_pair_and_stderr_and_nothing_else) {
  const Descriptor inheritable(dup(2));  // without close-on-exec
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &some, nullptr);
  const std::string said = start("report", {"ONE=1"});
  pthread_sigmask(SIG_UNBLOCK, &some, nullptr);
  EXPECT_EQ(said, "descriptors 2 3 environment ONE=1 death 1 blocked 0 pipe 1 leader 1 parent 1");
}

TEST_F(SpawnTest, a_child_of_another_user_has_no_rights_of_ours_and_dies_with_us_all_the_same) {
  if (!may_give({2'100'000'999, 1})) GTEST_SKIP() << "needs root";
  user = 2'100'000'999;
  EXPECT_EQ(start("report"), "descriptors 2 3 environment death 1 blocked 0 pipe 1 leader 1 parent 1");
  std::ifstream lines("/proc/" + std::to_string(child->pid()) + "/status");
  std::map<std::string, std::string> says;
  for (std::string line; std::getline(lines, line);)
    says[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 1);
  EXPECT_EQ(says["Uid"], "\t2100000999\t2100000999\t2100000999\t2100000999");
  EXPECT_EQ(says["Gid"], "\t2100000999\t2100000999\t2100000999\t2100000999");
  EXPECT_EQ(says["Groups"], "\t ");
  EXPECT_EQ(says["CapEff"], "\t0000000000000000");
  EXPECT_EQ(says["CapPrm"], "\t0000000000000000");
  child->kill();
  EXPECT_TRUE(run_until(loop, [&] { return status.has_value(); }));
}

// In a user namespace of its own, with a map as a container has it.
int in_a_container(const std::string& map, const std::function<bool()>& question) {
  int made[2], mapped[2];
  if (pipe(made) != 0 || pipe(mapped) != 0) return -1;
  const pid_t pid = fork();
  char byte = 'x';
  if (pid == 0) {
    if (unshare(CLONE_NEWUSER) != 0) byte = '-';
    if (write(made[1], &byte, 1) != 1 || read(mapped[0], &byte, 1) != 1) _exit(3);
    _exit(question() ? 1 : 0);
  }
  const bool is_made = read(made[0], &byte, 1) == 1 && byte == 'x';
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ofstream(folder + "/uid_map") << map;
  std::ofstream(folder + "/gid_map") << map;
  if (write(mapped[1], &byte, 1) != 1) return -1;
  for (const int each : {made[0], made[1], mapped[0], mapped[1]}) close(each);
  int status = 0;
  waitpid(pid, &status, 0);
  return is_made && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(MayGive, only_users_that_the_namespace_has) {
  const auto ask = [](Users users) {
    return in_a_container("0 100000 65536\n100000 300000 10\n", [users] { return may_give(users); });
  };
  if (geteuid() != 0 || ask({0, 1}) < 0) GTEST_SKIP() << "needs root and user namespaces";
  EXPECT_EQ(ask({65'000, 536}), 1);
  EXPECT_EQ(ask({65'000, 537}), 0);
  EXPECT_EQ(ask({100'000, 10}), 1);
  EXPECT_EQ(ask({99'999, 2}), 0);
  EXPECT_EQ(ask({2'100'000'000, 1'000}), 0);
}

TEST_F(SpawnTest, tells_the_exit_code) {
  start("exit");
  ASSERT_TRUE(run_until(loop, [&] { return status.has_value(); }));
  EXPECT_FALSE(status->by_signal);
  EXPECT_EQ(status->value, 7);
}

TEST_F(SpawnTest, kills_a_child_that_is_stopped) {
  ASSERT_EQ(start("stop"), "stopping");
  child->kill();
  ASSERT_TRUE(run_until(loop, [&] { return status.has_value(); }));
  EXPECT_TRUE(status->by_signal);
  EXPECT_EQ(status->value, SIGKILL);
  child->kill();  // nobody: the number may be somebody else's by now
}

TEST_F(SpawnTest, destroying_it_kills_the_child_and_waits_for_nothing) {
  start("report");
  const pid_t pid = child->pid();
  Readiness watched(loop, *child->handle());
  bool ended = false;
  watched.wait_readable([&] { ended = true; });
  child.reset();
  EXPECT_TRUE(run_until(loop, [&] { return ended; }));
  Child::reap_those_left();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_FALSE(status.has_value());
}

TEST_F(SpawnTest, a_child_that_keeps_all_it_is_given_holds_no_more_than_its_limit) {
  ASSERT_EQ(start("hoard"), "hoarding");
  constexpr std::size_t sent = 2 * descriptors_max;
  for (std::size_t i = 0; i < sent; i++) {
    std::vector<Descriptor> one;
    one.emplace_back(dup(2));
    ASSERT_TRUE(pair->send(bytes_of("x"), std::move(one)));
  }
  ASSERT_TRUE(run_until(loop, [&] { return heard.size() == 1 + sent; }));
  EXPECT_EQ(heard[1], "3");  // standard error, the pair, and the first that it was sent
  EXPECT_EQ(heard.back(), std::to_string(descriptors_max));
}

TEST_F(SpawnTest, the_child_dies_with_its_parent) {
  const pid_t grandchild = std::stoi(start("parent"));
  Readiness watched(loop, Descriptor(static_cast<int>(syscall(SYS_pidfd_open, grandchild, 0))));
  bool ended = false;
  watched.wait_readable([&] { ended = true; });
  child->kill();
  EXPECT_TRUE(run_until(loop, [&] { return ended; }));
}

TEST_F(SpawnTest, what_it_is_started_with_is_told_when_it_runs) {
  start("report");
  EXPECT_TRUE(run_until(loop, [&] { return started.has_value(); }));
  EXPECT_TRUE(*started);
}

TEST_F(SpawnTest, a_program_that_is_not_there_is_an_error_and_leaves_nothing_open) {
  const std::size_t before = open_descriptors();
  const auto program = Program::find("/nonexistent/program");
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().text(), "start /nonexistent/program: No such file or directory");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(SpawnTest, a_program_that_cannot_be_run_is_told_as_such_and_nothing_follows) {
  const auto program = Program::find("/etc/passwd");
  ASSERT_TRUE(program);
  std::string why;
  auto made =
      Child::start(loop, {.program = *program, .descriptors_max = descriptors_max, .user = {}, .name = "none"},
                   {.started = [&](Result<void, SystemError> done) { why = done ? "runs" : done.error().text(); },
                    .exited = [this](ExitStatus s) { status = s; }});
  ASSERT_TRUE(made);
  EXPECT_TRUE(run_until(loop, [&] { return !why.empty(); }));
  EXPECT_EQ(why, "start /etc/passwd: Permission denied");
  Readiness watched(loop, *(*made)->handle());
  bool ended = false;
  watched.wait_readable([&] { ended = true; });
  EXPECT_TRUE(run_until(loop, [&] { return ended; }));
  EXPECT_FALSE(status.has_value());
}

}  // namespace
}  // namespace quoin::io
