#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/hostile_descriptor.h"
#include "io/stop_socket.h"
#include "io/unix_address.h"
#include "io/unix_listener.h"

namespace quoin::io {
namespace {

Result<ListeningSocket, FileFailure> listening_in(const std::string& folder, std::uint32_t mode) {
  return ListeningSocket::open(TRY(Folder::make(folder, {.mode = 0755, .group = std::nullopt})),
                               {.name = "stop", .mode = mode, .group = std::nullopt});
}

class StopSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    char made[] = "/tmp/quoin-stop-XXXXXX";
    ASSERT_NE(mkdtemp(made), nullptr);
    folder = made;
    ASSERT_EQ(chmod(made, 0755), 0);
    auto opened = listening_in(folder, 0666);
    ASSERT_TRUE(opened);
    listening.emplace(std::move(*opened));
    stops.emplace(listening->take(), closer);
  }
  void TearDown() override {
    stops.reset();
    listening.reset();
    std::filesystem::remove_all(folder);
  }

  // As somebody: the kernel notes who it is when they connect.
  Descriptor connected(uid_t user = geteuid()) const {
    const uid_t before = geteuid();
    if (user != before) EXPECT_EQ(seteuid(user), 0);
    Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = UnixAddress::of(folder + "/stop");
    EXPECT_EQ(connect(made.number(), reinterpret_cast<const sockaddr*>(address->bytes.data()), address->length), 0);
    if (user != before) EXPECT_EQ(seteuid(before), 0);
    return made;
  }
  static void say(const Descriptor& socket, const std::string& text) {
    static_cast<void>(send(socket.number(), text.data(), text.size(), MSG_NOSIGNAL));
  }
  static std::string heard(const Descriptor& socket) {  // all that came until the other side closed, which it must have
    std::string all;
    pollfd readable{socket.number(), POLLIN, 0};
    char space[256];
    while (poll(&readable, 1, 5000) == 1) {
      const ssize_t got = recv(socket.number(), space, sizeof space, 0);
      if (got <= 0) return all + ".";
      all.append(space, static_cast<std::size_t>(got));
    }
    return all + " and stays";
  }
  void serve() {
    stops->serve(time, [this](StopSocket::Ticket ticket, std::uint32_t user, std::string_view line) {
      lines.push_back(std::to_string(user) + " " + std::string(line));
      stops->answer(ticket, "heard");
    });
  }

  Closer closer;
  std::string folder;
  std::optional<ListeningSocket> listening;
  std::optional<StopSocket> stops;
  std::vector<std::string> lines;
  Instant time = now();
};

TEST_F(StopSocketTest, one_line_is_asked_and_one_answered) {
  const Descriptor person = connected();
  serve();
  say(person, "close ");
  serve();
  say(person, "mfp\nand more\n");
  serve();
  EXPECT_EQ(lines, std::vector{std::to_string(geteuid()) + " close mfp"});
  EXPECT_EQ(heard(person), "heard\n.");
}

TEST_F(StopSocketTest, who_says_nothing_or_too_much_is_gone) {
  const Descriptor silent = connected(), talker = connected();
  say(talker, std::string(StopSocket::line_bytes_max, 'x'));
  serve();
  EXPECT_EQ(heard(talker), ".");
  time += StopSocket::patience;
  serve();
  EXPECT_EQ(heard(silent), ".");
}

TEST_F(StopSocketTest, a_line_that_brings_descriptors_is_not_read_nor_is_one_behind_an_urgent_byte_that_does) {
  for (const bool is_urgent : {false, true}) {
    let_descriptors_pass();
    HostileDescriptor hostile;
    const Descriptor person = connected();
    ASSERT_EQ(hostile.send_to(person.number(), is_urgent ? "!" : "close mfp\n", is_urgent ? MSG_OOB : 0), 0);
    say(person, "close mfp\n");
    serve();
    EXPECT_EQ(lines, std::vector<std::string>());
    EXPECT_EQ(heard(person), ".");
    EXPECT_FALSE(hostile.held_somebody_up()) << is_urgent;
  }
}

// In a user namespace one person is as many users as /etc/subuid gives them.
TEST_F(StopSocketTest, a_crowd_of_many_users_who_say_nothing_keeps_nobody_out) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::vector<Descriptor> crowd;
  for (uid_t user = 70'000; user < 70'000 + 2 * StopSocket::places; user++) {
    crowd.push_back(connected(user));
    serve();
  }
  const Descriptor person = connected(4711);
  say(person, "close mfp\n");
  serve();
  EXPECT_EQ(lines, std::vector<std::string>{"4711 close mfp"});
  EXPECT_EQ(heard(person), "heard\n.");
}

TEST_F(StopSocketTest, a_crowd_of_one_user_keeps_out_neither_another_nor_root_nor_that_user) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::vector<Descriptor> crowd;
  for (int i = 0; i < 100; i++) {
    crowd.push_back(connected(4001));
    if (i % 16 == 0) serve();
  }
  serve();
  for (const uid_t user : {uid_t{0}, uid_t{4002}, uid_t{4001}}) {
    const Descriptor person = connected(user);
    say(person, "close\n");
    serve();
    EXPECT_EQ(heard(person), "heard\n.") << user;
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"0 close", "4002 close", "4001 close"}));
}

TEST_F(StopSocketTest, a_crowd_of_many_users_leaves_root_its_places) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::vector<Descriptor> crowd;
  for (uid_t i = 0; i < 100; i++) {
    crowd.push_back(connected(5000 + i));
    if (i % 16 == 0) serve();
  }
  serve();
  std::vector<Descriptor> roots;
  for (std::size_t i = 0; i < StopSocket::places_kept_for_root; i++) roots.push_back(connected(0));
  serve();
  for (const Descriptor& each : roots) say(each, "close\n");
  serve();
  EXPECT_EQ(lines.size(), StopSocket::places_kept_for_root);
}

}  // namespace
}  // namespace quoin::io
