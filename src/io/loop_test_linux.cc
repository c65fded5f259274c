#include <cerrno>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/entropy.h"
#include "io/limits.h"
#include "io/log.h"
#include "io/run_until.h"

namespace quoin::io {
namespace {

std::pair<Descriptor, Descriptor> connected_pair() {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

TEST(Loop, runs_what_was_posted_later_and_in_order) {
  Loop loop;
  std::string order;
  loop.post([&] { order += "a"; });
  loop.post([&] {
    order += "b";
    loop.stop();
  });
  EXPECT_EQ(order, "");
  loop.run();
  EXPECT_EQ(order, "ab");
}

TEST(Readiness, answers_a_wait_once_and_again_while_bytes_are_left) {
  Loop loop;
  auto [near, far] = connected_pair();
  Readiness readiness(loop, std::move(near));
  int answered = 0;
  readiness.wait_readable([&] { answered++; });
  ASSERT_EQ(write(far.number(), "xy", 2), 2);
  ASSERT_TRUE(run_until(loop, [&] { return answered == 1; }));
  readiness.wait_readable([&] { answered++; });  // nothing was read, so it is readable still
  ASSERT_TRUE(run_until(loop, [&] { return answered == 2; }));
}

TEST(Readiness, waits_for_both_directions_at_once) {
  Loop loop;
  auto [near, far] = connected_pair();
  Readiness readiness(loop, std::move(near));
  bool readable = false, writable = false;
  readiness.wait_readable([&] { readable = true; });
  readiness.wait_writable([&] { writable = true; });
  ASSERT_TRUE(run_until(loop, [&] { return writable; }));
  EXPECT_FALSE(readable);
  ASSERT_EQ(write(far.number(), "x", 1), 1);
  ASSERT_TRUE(run_until(loop, [&] { return readable; }));
}

TEST(Readiness, answers_when_the_other_side_goes) {
  Loop loop;
  auto [near, far] = connected_pair();
  Readiness readiness(loop, std::move(near));
  bool answered = false;
  readiness.wait_readable([&] { answered = true; });
  far.close();
  EXPECT_TRUE(run_until(loop, [&] { return answered; }));
}

TEST(Readiness, calls_nobody_after_cancel_release_or_destruction) {
  Loop loop;
  bool called = false;
  auto [a, a_far] = connected_pair();
  auto [b, b_far] = connected_pair();
  auto [c, c_far] = connected_pair();
  Readiness cancelled(loop, std::move(a));
  Readiness released(loop, std::move(b));
  auto destroyed = std::make_unique<Readiness>(loop, std::move(c));
  for (Readiness* one : {&cancelled, &released, destroyed.get()}) one->wait_writable([&] { called = true; });
  cancelled.cancel();
  const Descriptor kept = released.release();
  destroyed.reset();
  int turns = 0;
  Timer timer(loop, [&] { turns++; });
  timer.set(now());
  ASSERT_TRUE(run_until(loop, [&] { return turns == 1; }));
  EXPECT_FALSE(called);
  EXPECT_EQ(write(kept.number(), "x", 1), 1);
}

TEST(Readiness, may_be_destroyed_by_its_own_callback) {
  Loop loop;
  auto [near, far] = connected_pair();
  auto readiness = std::make_unique<Readiness>(loop, std::move(near));
  const auto token = std::make_shared<int>(1);
  bool destroyed = false;
  readiness->wait_writable([&, token] {
    readiness.reset();
    destroyed = *token == 1;
  });
  EXPECT_TRUE(run_until(loop, [&] { return destroyed; }));
}

TEST(Timer, expires_in_order_of_time_and_not_before) {
  Loop loop;
  std::string order;
  Instant when_second{};
  const Instant start = now();
  Timer first(loop, [&] { order += "1"; });
  Timer second(loop, [&] {
    order += "2";
    when_second = now();
  });
  second.set(start + milliseconds(3));
  first.set(start + milliseconds(1));
  ASSERT_TRUE(run_until(loop, [&] { return order.size() == 2; }));
  EXPECT_EQ(order, "12");
  EXPECT_GE(when_second, start + milliseconds(3));
  EXPECT_EQ(second.at(), std::nullopt);
}

TEST(Timer, set_to_the_past_expires_at_once) {
  Loop loop;
  bool expired = false;
  Timer timer(loop, [&] { expired = true; });
  timer.set(Instant{});
  EXPECT_FALSE(expired);
  EXPECT_TRUE(run_until(loop, [&] { return expired; }));
}

TEST(Timer, cleared_or_destroyed_stays_silent) {
  Loop loop;
  bool wrong = false, right = false;
  Timer cleared(loop, [&] { wrong = true; });
  auto destroyed = std::make_unique<Timer>(loop, [&] { wrong = true; });
  Timer later(loop, [&] { right = true; });
  cleared.set(now());
  destroyed->set(now());
  later.set(now() + milliseconds(1));
  cleared.clear();
  destroyed.reset();
  ASSERT_TRUE(run_until(loop, [&] { return right; }));
  EXPECT_FALSE(wrong);
}

TEST(Timer, that_always_sets_itself_to_the_past_starves_nobody) {
  Loop loop;
  int rounds = 0;
  bool other = false;
  std::optional<Timer> eager;
  eager.emplace(loop, [&] {
    rounds++;
    eager->set(Instant{});
  });
  eager->set(Instant{});
  Timer timer(loop, [&] { other = true; });
  timer.set(now());
  ASSERT_TRUE(run_until(loop, [&] { return other; }));
  EXPECT_GE(rounds, 1);
  eager.reset();
}

TEST(Clock, goes_forward_and_the_calendar_is_later_than_this_code) {
  const Instant before = now();
  EXPECT_GE(now(), before);
  EXPECT_GT(wall_time().since_zero, seconds(1'700'000'000));
}

TEST(SystemRandom, fills_everything_and_never_twice_alike) {
  SystemRandom random;
  Buffer a(4096), b(4096);
  random.fill(a);
  random.fill(b);
  EXPECT_NE(a, b);
  EXPECT_NE(Buffer(a.end() - 16, a.end()), Buffer(16));
}

TEST(ReadToEnd, reads_all_or_refuses_what_is_too_large) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const Descriptor out(ends[0]);
  Descriptor in(ends[1]);
  ASSERT_EQ(write(in.number(), "roots", 5), 5);
  in.close();
  EXPECT_EQ(read_to_end(out, 5), to_buffer(bytes_of("roots")));
  EXPECT_EQ(read_to_end(out, 5), Buffer());

  ASSERT_EQ(pipe(ends), 0);
  const Descriptor out_again(ends[0]);
  Descriptor in_again(ends[1]);
  ASSERT_EQ(write(in_again.number(), "roots", 5), 5);
  in_again.close();
  EXPECT_EQ(read_to_end(out_again, 4).error(), ReadError::too_large);
  EXPECT_EQ(read_to_end(Descriptor(), 4).error(), ReadError::unreadable);
}

TEST(Limits, count_the_open_descriptors_of_this_process) {
  const std::size_t before = open_descriptors();
  const Descriptor one(dup(2));
  EXPECT_EQ(open_descriptors(), before + 1);
  EXPECT_GE(raise_descriptor_limit(), 256U);
}

std::size_t locked_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmLck:")) return std::stoul(line.substr(6));
  }
  return 0;
}

TEST(Limits, memory_stays_out_of_swap_also_what_is_asked_for_later) {
#ifdef QUOIN_SANITIZED
  GTEST_SKIP() << "sanitizers are left alone";
#endif
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const pid_t child = fork();
  if (child == 0) {
    if (!keep_out_of_swap(Capabilities::kept)) _exit(1);
    const std::size_t before = locked_kib();
    constexpr std::size_t more = 64 << 20;  // far over the usual RLIMIT_MEMLOCK
    if (mmap(nullptr, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) _exit(3);
    _exit(before > 0 && locked_kib() >= before + more / 1024 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Limits, nothing_is_locked_where_a_limit_would_later_refuse_an_allocation) {
#ifdef QUOIN_SANITIZED
  GTEST_SKIP() << "sanitizers are left alone";
#endif
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const Capabilities later : {Capabilities::kept, Capabilities::given_up}) {
    const pid_t child = fork();
    if (child == 0) {
      constexpr rlim_t limit = rlim_t{4} << 30;  // more than this process has already, so that a lock would succeed
      const rlimit finite{limit, limit};
      setrlimit(RLIMIT_MEMLOCK, &finite);  // where it cannot be raised it is finite already
      if (setresuid(3000, 3000, 3000) != 0) _exit(3);
      const auto locked = keep_out_of_swap(later);
      if (locked || locked.error().code != EPERM) _exit(1);  // not even tried
      const void* more = mmap(nullptr, 2 * limit, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      _exit(more == MAP_FAILED || locked_kib() > 0 ? 2 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

TEST(Log, keeps_text_from_the_network_on_one_honest_line) {
  testing::internal::CaptureStderr();
  start_log("quoin-test", LogLevel::info);
  log(LogLevel::warning, "first\nquoin-test: error: \x1b[2Jforged {}");
  log(LogLevel::debug, "not shown");
  log(LogLevel::info,
      "Bü\xc2\x9b"
      "2J\xe2\x80\xaetxt");  // CSI as a C1 control, and an override of the direction of writing
  log(LogLevel::info, std::string(log_line_bytes_max + 1000, 'x'));
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "quoin-test: warning: first?quoin-test: error: ?[2Jforged {}\nquoin-test: info: Bü??2J???txt\n"
            "quoin-test: info: " +
                std::string(log_line_bytes_max, 'x') + "\n");
}

TEST(Loop, may_end_before_what_was_posted_has_run_even_if_that_owns_a_timer) {
  std::weak_ptr<int> owned;
  {
    Loop loop;
    const auto token = std::make_shared<int>();
    owned = token;
    auto timer = std::make_unique<Timer>(loop, [token] {});
    timer->set(now() + seconds(60));
    loop.post([timer = std::move(timer)] {});
  }
  EXPECT_TRUE(owned.expired());
}

}  // namespace
}  // namespace quoin::io
