#include <filesystem>
#include <iterator>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/closer.h"
#include "io/hostile_descriptor.h"
#include "io/limits.h"

namespace quoin::io {
namespace {

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    near = Descriptor(ends[0]);
    far = Descriptor(ends[1]);
  }
  Descriptor near, far;
};

// Closed together with the socket in whose queue it waits.
Descriptor pipe_queued_in(const Pair& pair) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const Descriptor writing(ends[1]);
  EXPECT_EQ(send_descriptor(pair.far.number(), writing.number(), "x"), 0);
  return Descriptor(ends[0]);
}

bool ends(const Descriptor& socket) {
  pollfd waited{socket.number(), POLLIN, 0};
  char byte;
  return poll(&waited, 1, 20'000) == 1 && read(socket.number(), &byte, 1) <= 0;
}

std::size_t threads() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator()));
}

TEST(Closer, closes_what_it_is_given_with_all_that_is_queued_in_it) {
  Closer closer;
  Pair pair;
  const Descriptor reading = pipe_queued_in(pair);
  closer.close(std::move(pair.near));
  EXPECT_TRUE(ends(pair.far));
  EXPECT_TRUE(ends(reading));
}

TEST(Closer, closes_a_crowd_of_them_and_is_busy_no_longer) {
  static_cast<void>(raise_descriptor_limit());
  constexpr std::size_t many = 400;
  Closer closer;
  std::vector<Pair> crowd(many);
  for (Pair& each : crowd) closer.close(std::move(each.near));
  for (const Pair& each : crowd) EXPECT_TRUE(ends(each.far));
  while (closer.is_busy()) usleep(1000);
}

TEST(Closer, waits_for_no_descriptor_that_lingers_and_closes_the_next_one_and_leaves_no_thread) {
  Closer closer;
  Pair first, second;
  HostileDescriptor hostile;
  ASSERT_EQ(hostile.send_to(first.far.number(), "x"), 0);
  const Descriptor reading = pipe_queued_in(second);
  const std::size_t threads_before = threads();
  closer.close(std::move(first.near));
  closer.close(std::move(second.near));
  EXPECT_TRUE(ends(first.far));
  EXPECT_TRUE(ends(reading));
  while (threads() > threads_before && !hostile.held_somebody_up()) std::this_thread::yield();
  EXPECT_FALSE(hostile.held_somebody_up());
}

TEST(Closer, that_ends_has_still_closed_what_it_took) {
  Pair pair;
  const Descriptor reading = pipe_queued_in(pair);
  {
    Closer closer;
    closer.close(std::move(pair.near));
  }
  EXPECT_TRUE(ends(reading));
}

TEST(Closer, keeps_no_other_descriptor_open) {
  Closer closer;
  int ends_of_pipe[2];
  ASSERT_EQ(pipe2(ends_of_pipe, O_CLOEXEC), 0);
  const Descriptor reading(ends_of_pipe[0]);
  Descriptor writing(ends_of_pipe[1]);
  Pair pair;
  closer.close(std::move(pair.near));
  writing.close();
  EXPECT_TRUE(ends(reading));
}

}  // namespace
}  // namespace quoin::io
