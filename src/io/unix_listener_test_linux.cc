#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/accounts.h"
#include "io/closer.h"
#include "io/hostile_descriptor.h"
#include "io/run_until.h"
#include "io/unix_address.h"
#include "io/unix_client.h"
#include "io/unix_listener.h"

namespace quoin::io {
namespace {

class UnixListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    char made[] = "/tmp/quoin-socket-XXXXXX";
    ASSERT_NE(mkdtemp(made), nullptr);
    folder = made;
    ASSERT_EQ(chmod(made, 0755), 0);
    path = folder + "/agent.sock";
  }
  void TearDown() override {
    listener.reset();
    std::filesystem::remove_all(folder);
  }
  Result<Folder, FileFailure> held() const { return Folder::make(folder, {.mode = 0755, .group = std::nullopt}); }
  Result<void, FileFailure> listen(std::uint32_t mode = 0666) {
    const ListenerOptions options{.name = path.substr(path.rfind('/') + 1), .mode = mode, .group = std::nullopt};
    auto judged = TRY(held());
    auto opened = TRY(ListeningSocket::open(std::move(judged), options));
    listener = std::make_unique<UnixListener>(loop, std::move(opened), closer, [this](auto connection) {
      LineConnection& added = *connections.emplace_back(std::move(connection));
      added.start({.line =
                       [this, &added](std::string_view line) {
                         lines.emplace_back(line);
                         if (line == "long") added.send_line(std::string(1'000'000, 'x'));
                         added.send_line("you said: " + std::string(line));
                         if (line == "bye") added.finish();
                       },
                   .closed = [this] { closed++; }});
    });
    return {};
  }
  Descriptor connected() const {
    Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = UnixAddress::of(path);
    EXPECT_EQ(::connect(made.number(), reinterpret_cast<const sockaddr*>(address->bytes.data()), address->length), 0);
    return made;
  }
  // Runs a client on a thread of its own, because it blocks, until it is done.
  void with_client(const std::function<void(UnixClient&)>& talk) {
    bool done = false;
    std::thread thread([&] {
      auto client = UnixClient::connect(path);
      EXPECT_TRUE(client);
      if (client) talk(*client);
      loop.post([&] { done = true; });
    });
    EXPECT_TRUE(run_until(loop, [&] { return done; }));
    thread.join();
  }

  Loop loop;
  Closer closer;
  std::string folder, path;
  std::unique_ptr<UnixListener> listener;
  std::vector<std::unique_ptr<LineConnection>> connections;
  std::vector<std::string> lines;
  int closed = 0;
};

TEST_F(UnixListenerTest, answers_line_by_line) {
  ASSERT_TRUE(listen());
  with_client([](UnixClient& client) {
    ASSERT_TRUE(client.send_line("one\ntwo"));
    EXPECT_EQ(client.receive_line(seconds(10)), "you said: one");
    EXPECT_EQ(client.receive_line(seconds(10)), "you said: two");
  });
  ASSERT_TRUE(run_until(loop, [&] { return closed == 1; }));
}

TEST_F(UnixListenerTest, sends_all_before_it_finishes) {
  ASSERT_TRUE(listen());
  with_client([](UnixClient& client) {
    ASSERT_TRUE(client.send_line("long"));
    ASSERT_TRUE(client.send_line("bye"));
    const auto long_line = client.receive_line(seconds(10));
    ASSERT_TRUE(long_line);
    EXPECT_EQ(long_line->size(), 1'000'000U);
    EXPECT_EQ(client.receive_line(seconds(10)), "you said: long");
    EXPECT_EQ(client.receive_line(seconds(10)), "you said: bye");
    const auto end = client.receive_line(seconds(10));
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error(), ClientError::closed);
  });
  EXPECT_TRUE(run_until(loop, [&] { return closed == 1; }));
}

TEST_F(UnixListenerTest, drops_whoever_sends_a_line_without_end) {
  ASSERT_TRUE(listen());
  with_client([](UnixClient& client) {
    static_cast<void>(client.send_line(std::string(3 * LineConnection::line_bytes_max, 'x')));
    EXPECT_FALSE(client.receive_line(seconds(10)));
  });
  EXPECT_TRUE(run_until(loop, [&] { return closed == 1; }));
  EXPECT_TRUE(lines.empty());
}

TEST_F(UnixListenerTest, a_client_gives_up_in_time) {
  ASSERT_TRUE(listen());
  with_client(
      [](UnixClient& client) { EXPECT_EQ(client.receive_line(milliseconds(1)).error(), ClientError::timed_out); });
}

TEST_F(UnixListenerTest, knows_who_connected) {
  ASSERT_TRUE(listen());
  with_client([](UnixClient& client) {
    ASSERT_TRUE(client.send_line("who am I"));
    EXPECT_TRUE(client.receive_line(seconds(10)));
  });
  ASSERT_EQ(connections.size(), 1U);
  EXPECT_EQ(connections[0]->peer().user, geteuid());
  EXPECT_EQ(connections[0]->peer().process, getpid());
  EXPECT_TRUE(connections[0]->peer().in_group(getegid()));
}

TEST_F(UnixListenerTest, knows_the_supplementary_groups_of_who_connected) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(listen());
  const pid_t child = fork();
  if (child == 0) {
    std::vector<gid_t> groups;
    for (gid_t group = 5000; group < 5200; group++) groups.push_back(group);
    if (setgroups(groups.size(), groups.data()) != 0 || setgid(4000) != 0 || setuid(3000) != 0) _exit(1);
    auto client = UnixClient::connect(path);
    _exit(client && client->send_line("hello") && client->receive_line(seconds(10)) ? 0 : 2);
  }
  ASSERT_TRUE(run_until(loop, [&] { return closed == 1; }));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const PeerCredentials& peer = connections.at(0)->peer();
  EXPECT_EQ(peer.user, 3000U);
  EXPECT_EQ(peer.process, child);
  EXPECT_TRUE(peer.in_group(4000));
  EXPECT_TRUE(peer.in_group(5000));
  EXPECT_TRUE(peer.in_group(5199));
  EXPECT_FALSE(peer.in_group(5200));
  EXPECT_FALSE(peer.in_group(0));
}

TEST_F(UnixListenerTest, lets_nobody_in_whom_its_mode_does_not) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(listen(0660));
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(4000) != 0 || setuid(3000) != 0) _exit(1);
    const auto client = UnixClient::connect(path);
    _exit(!client && client.error() == ClientError::not_permitted ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(UnixListenerTest, replaces_the_socket_of_a_dead_daemon_and_removes_its_own) {
  {
    const auto address = UnixAddress::of(path);
    ASSERT_TRUE(address);
    const Descriptor dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(dead.number(), reinterpret_cast<const sockaddr*>(address->bytes.data()), address->length), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(UnixClient::connect(path).error(), ClientError::not_running);
  ASSERT_TRUE(listen());
  EXPECT_TRUE(UnixClient::connect(path));
  listener.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(UnixClient::connect(path).error(), ClientError::not_running);
}

// A descriptor beside what a caller says, or where a read would drop it unseen. The loop goes on, and nothing is heard.
TEST_F(UnixListenerTest, a_caller_with_a_descriptor_that_lingers_is_closed_unread_and_holds_up_nobody) {
  for (const bool is_urgent : {false, true}) {
    ASSERT_TRUE(listen());
    let_descriptors_pass();
    HostileDescriptor hostile;
    const Descriptor caller = connected();
    ASSERT_EQ(hostile.send_to(caller.number(), "x", is_urgent ? MSG_OOB : 0), 0);
    ASSERT_EQ(send(caller.number(), "hello\n", 6, 0), 6);
    ASSERT_TRUE(run_until(loop, [&] { return closed == 1; }));
    EXPECT_FALSE(hostile.held_somebody_up()) << is_urgent;
    EXPECT_TRUE(lines.empty());
    connections.clear();
    listener.reset();
    closed = 0;
  }
}

TEST_F(UnixListenerTest, a_descriptor_that_follows_a_line_holds_up_nobody) {
  ASSERT_TRUE(listen());
  let_descriptors_pass();
  HostileDescriptor hostile;
  const Descriptor caller = connected();
  ASSERT_EQ(send(caller.number(), "hello\n", 6, 0), 6);
  ASSERT_EQ(hostile.send_to(caller.number(), "more\n"), 0);
  ASSERT_TRUE(run_until(loop, [&] { return closed == 1; }));
  EXPECT_FALSE(hostile.held_somebody_up());
}

TEST_F(UnixListenerTest, a_descriptor_that_nobody_has_read_holds_up_nobody_who_closes) {
  ASSERT_TRUE(listen());
  let_descriptors_pass();
  HostileDescriptor of_a_connection, of_one_not_accepted;
  const Descriptor caller = connected();
  ASSERT_TRUE(run_until(loop, [&] { return connections.size() == 1; }));
  let_descriptors_pass();
  ASSERT_EQ(of_a_connection.send_to(caller.number(), "x"), 0);
  connections.clear();
  const Descriptor another = connected();
  ASSERT_EQ(of_one_not_accepted.send_to(another.number(), "x"), 0);
  listener.reset();
  EXPECT_FALSE(of_a_connection.held_somebody_up());
  EXPECT_FALSE(of_one_not_accepted.held_somebody_up());
}

TEST_F(UnixListenerTest, a_caller_cannot_send_a_descriptor_where_the_kernel_refuses_it) {
  if (!kernel_can_refuse_descriptors()) GTEST_SKIP() << "this kernel has no SO_PASSRIGHTS (Linux 6.16)";
  ASSERT_TRUE(listen());
  const Descriptor caller = connected();
  EXPECT_EQ(send_descriptor(caller.number(), STDERR_FILENO, "before it is accepted"), EPERM);
  ASSERT_TRUE(run_until(loop, [&] { return connections.size() == 1; }));
  EXPECT_EQ(send_descriptor(caller.number(), STDERR_FILENO, "and after"), EPERM);
}

TEST_F(UnixListenerTest, leaves_the_socket_of_a_live_daemon_alone) {
  ASSERT_TRUE(listen());
  const auto second =
      ListeningSocket::open(std::move(*held()), {.name = "agent.sock", .mode = 0660, .group = std::nullopt});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error, FileError::taken);
  EXPECT_TRUE(UnixClient::connect(path));
}

TEST_F(UnixListenerTest, leaves_alone_what_is_not_a_socket) {
  std::ofstream(path) << "x";
  EXPECT_EQ(listen().error().error, FileError::wrong_kind);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(UnixListenerTest, makes_and_removes_its_socket_in_the_folder_that_was_judged_whatever_took_its_path) {
  auto judged = held();
  ASSERT_TRUE(judged);
  const std::string moved = folder + ".moved";
  std::filesystem::rename(folder, moved);
  std::filesystem::create_directory(folder);
  std::ofstream(path) << "x";
  auto opened = ListeningSocket::open(std::move(*judged), {.name = "agent.sock", .mode = 0600, .group = {}});
  ASSERT_TRUE(opened);
  std::optional<ListeningSocket> socket(std::move(*opened));
  EXPECT_TRUE(UnixClient::connect(moved + "/agent.sock"));
  socket.reset();
  EXPECT_FALSE(std::filesystem::exists(moved + "/agent.sock"));
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove_all(moved);
}

TEST_F(UnixListenerTest, says_that_a_path_is_too_long) {
  path = folder + "/" + std::string(120, 'a');
  EXPECT_EQ(listen().error().text, path + " is too long for a socket (107 bytes)");
}

TEST(Accounts, are_found_by_name_and_number) {
  EXPECT_EQ(user_name(0), "root");
  EXPECT_EQ(group_number("root"), 0U);
  EXPECT_EQ(group_number("no-such-group"), std::nullopt);
  EXPECT_EQ(user_name(3'999'999'999U), std::nullopt);
}

}  // namespace
}  // namespace quoin::io
