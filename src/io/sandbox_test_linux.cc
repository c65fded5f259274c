#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/entropy.h"
#include "io/files.h"
#include "io/log.h"
#include "io/run_until.h"
#include "io/sandbox.h"
#include "io/seqpacket.h"
#include "io/spawn.h"
#include "io/tls.h"
#include "io/tls_test_peer.h"
#include "io/udp_open.h"
#include "io/udp_socket.h"

namespace quoin::io {
namespace {

struct Call {
  const char* name;
  std::function<long()> make;
};

constexpr int pair_there = spawned_pair_number;

// Every call by its number, because the C library would choose others. The arguments are those that would succeed.
std::vector<Call> forbidden_calls(int socket_there, int timer_there) {
  static sockaddr_in target{};
  static sockaddr_in* const to = &target;
  static char path[] = "/etc/hostname";
  static char* const arguments[] = {path, nullptr};
  static std::array<std::byte, 256> space;
  static msghdr message{};
  static char nothing = 0;
  target.sin_family = AF_INET;
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  target.sin_port = htons(9);
  const int s = socket_there;
  const int t = timer_there;
  return {
      {"socket", [] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
      {"socket of netlink", [] { return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0); }},
      {"socketpair", [] { return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, space.data()); }},
      {"connect", [s] { return syscall(SYS_connect, s, to, sizeof *to); }},
      {"bind", [s] { return syscall(SYS_bind, s, to, sizeof *to); }},
      {"listen", [s] { return syscall(SYS_listen, s, 1); }},
      {"accept4", [s] { return syscall(SYS_accept4, s, nullptr, nullptr, 0); }},
      {"sendto to an address", [s] { return syscall(SYS_sendto, s, &nothing, 1, 0, to, sizeof *to); }},
      {"sendto with fast open", [s] { return syscall(SYS_sendto, s, &nothing, 1, MSG_FASTOPEN, nullptr, 0); }},
      {"sendto that waits for more", [s] { return syscall(SYS_sendto, s, &nothing, 1, MSG_MORE, nullptr, 0); }},
      {"sendmsg", [s] { return syscall(SYS_sendmsg, s, &message, 0); }},
      {"sendmmsg", [s] { return syscall(SYS_sendmmsg, s, space.data(), 0, 0); }},
      {"setsockopt of a cork", [s] { return syscall(SYS_setsockopt, s, SOL_UDP, UDP_CORK, space.data(), 4); }},
      {"setsockopt of a broadcast", [s] { return syscall(SYS_setsockopt, s, SOL_SOCKET, SO_BROADCAST, &nothing, 4); }},
      {"setsockopt of IP", [s] { return syscall(SYS_setsockopt, s, SOL_IP, IP_OPTIONS, space.data(), 4); }},
      {"setsockopt of IPv6", [s] { return syscall(SYS_setsockopt, s, SOL_IPV6, IPV6_RTHDR, space.data(), 4); }},
      {"setsockopt of a mark", [s] { return syscall(SYS_setsockopt, s, SOL_SOCKET, SO_MARK, space.data(), 4); }},
      {"setsockopt of a device", [s] { return syscall(SYS_setsockopt, s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3); }},
      {"openat", [] { return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY); }},
      {"openat2", [] { return syscall(SYS_openat2, AT_FDCWD, path, space.data(), 24); }},
      {"newfstatat", [] { return syscall(SYS_newfstatat, AT_FDCWD, path, space.data(), 0); }},
      {"readlinkat", [] { return syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", space.data(), space.size()); }},
      {"unlinkat", [] { return syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent", 0); }},
      {"mkdirat", [] { return syscall(SYS_mkdirat, AT_FDCWD, "/nonexistent/x", 0700); }},
      {"execve", [] { return syscall(SYS_execve, "/bin/true", arguments, nullptr); }},
      {"execveat", [] { return syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, nullptr, 0); }},
      {"clone", [] { return syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
      {"clone3", [] { return syscall(SYS_clone3, space.data(), 0); }},
      {"ptrace", [] { return syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, getppid(), nullptr, nullptr); }},
      {"process_vm_readv", [] { return syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0); }},
      {"process_vm_writev", [] { return syscall(SYS_process_vm_writev, getppid(), nullptr, 0, nullptr, 0, 0); }},
      {"pidfd_open", [] { return syscall(SYS_pidfd_open, getppid(), 0); }},
      {"pidfd_getfd", [] { return syscall(SYS_pidfd_getfd, 0, 0, 0); }},
      {"kill", [] { return syscall(SYS_kill, getppid(), 0); }},
      {"tgkill of another", [] { return syscall(SYS_tgkill, getppid(), getppid(), SIGABRT); }},
      {"tgkill with another signal", [] { return syscall(SYS_tgkill, getpid(), gettid(), SIGCONT); }},
      {"io_uring_setup", [] { return syscall(SYS_io_uring_setup, 1, space.data()); }},
      {"io_uring_enter", [] { return syscall(SYS_io_uring_enter, 0, 0, 0, 0, nullptr, 0); }},
      {"io_uring_register", [] { return syscall(SYS_io_uring_register, 0, 0, nullptr, 0); }},
      {"bpf", [] { return syscall(SYS_bpf, 0, space.data(), 0); }},
      {"perf_event_open", [] { return syscall(SYS_perf_event_open, space.data(), 0, -1, -1, 0); }},
      {"userfaultfd", [] { return syscall(SYS_userfaultfd, 0); }},
      {"memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); }},
      {"keyctl", [] { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
      {"mount", [] { return syscall(SYS_mount, "none", "/nonexistent", "tmpfs", 0, nullptr); }},
      {"unshare", [] { return syscall(SYS_unshare, 0x40000000 /* CLONE_NEWNET */); }},
      {"setns", [] { return syscall(SYS_setns, 0, 0); }},
      {"chroot", [] { return syscall(SYS_chroot, "/"); }},
      {"setuid", [] { return syscall(SYS_setuid, 0); }},
      {"capset", [] { return syscall(SYS_capset, space.data(), nullptr); }},
      {"prctl", [] { return syscall(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, 0, 0, 0, 0); }},
      {"seccomp", [] { return syscall(SYS_seccomp, 0, 0, nullptr); }},
      {"prlimit64", [] { return syscall(SYS_prlimit64, 0, 7, nullptr, space.data()); }},
      {"mmap of executable memory",
       [] { return syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
      {"mprotect to executable", [] { return syscall(SYS_mprotect, nullptr, 0, PROT_READ | PROT_EXEC); }},
      {"pkey_mprotect", [] { return syscall(SYS_pkey_mprotect, nullptr, 0, PROT_EXEC, -1); }},
      {"ioctl other than non-blocking", [t] { return syscall(SYS_ioctl, t, FIONREAD, space.data()); }},
      {"fcntl to signal others", [t] { return syscall(SYS_fcntl, t, F_SETOWN, getppid()); }},
      {"read of standard error", [] { return syscall(SYS_read, STDERR_FILENO, space.data(), 0); }},
      {"readv of standard error", [] { return syscall(SYS_readv, STDERR_FILENO, nullptr, 0); }},
      {"fcntl of standard error", [] { return syscall(SYS_fcntl, STDERR_FILENO, F_GETFL); }},
      {"ioctl of standard error", [] { return syscall(SYS_ioctl, STDERR_FILENO, FIONBIO, space.data()); }},
      {"writev to standard error", [] { return syscall(SYS_writev, STDERR_FILENO, nullptr, 0); }},
      {"sendto to standard error", [] { return syscall(SYS_sendto, STDERR_FILENO, path, 1, 0, nullptr, 0); }},
      {"sendmsg to standard error", [] { return syscall(SYS_sendmsg, STDERR_FILENO, &message, 0); }},
      {"sendmmsg to standard error", [] { return syscall(SYS_sendmmsg, STDERR_FILENO, space.data(), 0, 0); }},
      {"recvfrom of standard error", [] { return syscall(SYS_recvfrom, STDERR_FILENO, space.data(), 0, 0, 0, 0); }},
      {"recvmsg of standard error", [] { return syscall(SYS_recvmsg, STDERR_FILENO, &message, 0); }},
      {"recvmmsg of standard error", [] { return syscall(SYS_recvmmsg, STDERR_FILENO, space.data(), 0, 0, nullptr); }},
      {"shutdown of standard error", [] { return syscall(SYS_shutdown, STDERR_FILENO, SHUT_RDWR); }},
      {"getsockopt of standard error",
       [] { return syscall(SYS_getsockopt, STDERR_FILENO, SOL_SOCKET, SO_TYPE, space.data(), nullptr); }},
      {"getsockname of standard error", [] { return syscall(SYS_getsockname, STDERR_FILENO, space.data(), nullptr); }},
      {"getpeername of standard error", [] { return syscall(SYS_getpeername, STDERR_FILENO, space.data(), nullptr); }},
      {"close of standard error", [] { return syscall(SYS_close, STDERR_FILENO); }},
      {"mmap of standard error",
       [] { return syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, STDERR_FILENO, 0); }},
      {"sendmsg to the pair", [] { return syscall(SYS_sendmsg, pair_there, &message, 0); }},
      {"sendmmsg to the pair", [] { return syscall(SYS_sendmmsg, pair_there, space.data(), 0, 0); }},
      {"shutdown of the pair", [] { return syscall(SYS_shutdown, pair_there, SHUT_WR); }},
      {"setsockopt of a linger", [s] { return syscall(SYS_setsockopt, s, SOL_SOCKET, SO_LINGER, space.data(), 8); }},
      {"dup", [t] { return syscall(SYS_dup, t); }},
      {"timerfd_create", [] { return syscall(SYS_timerfd_create, CLOCK_BOOTTIME, 0); }},
      {"epoll_create1", [] { return syscall(SYS_epoll_create1, 0); }},
#ifdef __x86_64__
      {"open", [] { return syscall(SYS_open, path, O_RDONLY); }},
      {"fork", [] { return syscall(SYS_fork); }},
      {"vfork", [] { return syscall(SYS_clone, 0x4000 | 0x100 | SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
      {"a call by its x32 number", [] { return syscall(0x40000000 | SYS_getpid); }},
#endif
  };
}

// Runs `work` in a child and returns how that ended, as waitpid says.
int status_of_child(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// Never at the pair's number.
Descriptor udp_here() {
  auto made = open_udp(Endpoint{*IpAddress::parse("127.0.0.1"), 0});
  return made ? Descriptor(fcntl(made->number(), F_DUPFD_CLOEXEC, pair_there + 1)) : Descriptor();
}

TEST(Sandbox, refuses_every_call_that_a_tunnel_does_not_need) {
  const Descriptor socket_there = udp_here();
  const std::size_t count = forbidden_calls(0, 0).size();
  const int status = status_of_child([&] {
    const auto calls = forbidden_calls(socket_there.number(), socket_there.number());
    if (!enter_sandbox(SandboxViolation::refuse)) return 200;
    int allowed = 0;
    for (const Call& call : calls) {
      if (call.make() == -1 && errno == EPERM) continue;
      allowed++;
      log(LogLevel::error, std::string("went through: ") + call.name);
    }
    return allowed;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "of " << count;
}

// A connected UDP socket takes an address all the same, and sends there.
struct SendCalls {
  Descriptor sender;
  sockaddr_in* elsewhere = nullptr;
  sockaddr_in* elsewhere_at_null_below = nullptr;  // its pointer's lower half is zero

  long to(const sockaddr_in* address, int flags = MSG_DONTWAIT) const {
    return syscall(SYS_sendto, sender.number(), "x", 1, flags, address, address == nullptr ? 0 : sizeof *address);
  }
  long by_message(sockaddr_in* address, bool many) const {
    char text = 'x';
    iovec part{&text, 1};
    mmsghdr message{};
    message.msg_hdr = {.msg_name = address,
                       .msg_namelen = address == nullptr ? 0U : static_cast<socklen_t>(sizeof *address),
                       .msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = nullptr,
                       .msg_controllen = 0,
                       .msg_flags = 0};
    return many ? syscall(SYS_sendmmsg, sender.number(), &message, 1, MSG_DONTWAIT)
                : syscall(SYS_sendmsg, sender.number(), &message.msg_hdr, MSG_DONTWAIT);
  }
  // Which of the calls fail with EPERM, a bit for each.
  int refused() const {
    int bits = 0;
    auto note = [&, nth = 0](long result) mutable { bits |= (result == -1 && errno == EPERM ? 1 : 0) << nth++; };
    note(to(nullptr));
    note(write(sender.number(), "x", 1));
    note(to(elsewhere));
    note(to(elsewhere_at_null_below));
    note(to(nullptr, MSG_FASTOPEN));
    note(by_message(elsewhere, false));
    note(by_message(elsewhere, true));
    return bits;
  }
};

TEST(Sandbox, no_datagram_leaves_for_elsewhere_than_where_a_socket_is_connected) {
  const auto bound = [](const Descriptor& socket) {
    sockaddr_in name{};
    socklen_t length = sizeof name;
    EXPECT_EQ(getsockname(socket.number(), reinterpret_cast<sockaddr*>(&name), &length), 0);
    return name;
  };
  const Descriptor peer = udp_here(), other = udp_here();
  const sockaddr_in peer_name = bound(peer);
  sockaddr_in other_name = bound(other);
  void* const wanted = reinterpret_cast<void*>(0x2000'0000'0000);
  void* const page =
      mmap(wanted, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  ASSERT_EQ(page, wanted);
  std::memcpy(page, &other_name, sizeof other_name);
  SendCalls calls{udp_here(), &other_name, static_cast<sockaddr_in*>(page)};
  ASSERT_EQ(connect(calls.sender.number(), reinterpret_cast<const sockaddr*>(&peer_name), sizeof peer_name), 0);
  const auto waiting = [](const Descriptor& socket) {
    int count = 0;
    for (char byte; recv(socket.number(), &byte, 1, MSG_DONTWAIT) == 1;) count++;
    return count;
  };

  EXPECT_EQ(calls.refused() & 0b1101111, 0);  // or what follows would show nothing
  EXPECT_EQ(waiting(other), 4);
  waiting(peer);
  const int status = status_of_child([&] {
    if (!enter_sandbox(SandboxViolation::refuse)) return 200;
    return calls.refused();
  });
  munmap(page, 4096);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0b1111100);
  EXPECT_EQ(waiting(other), 0);
  EXPECT_EQ(waiting(peer), 2);
}

TEST(Sandbox, these_calls_do_something_else_outside) {  // or the test above would show nothing
  const Descriptor socket_there = udp_here();
  std::size_t refused = 0;
  for (const Call& call : forbidden_calls(socket_there.number(), socket_there.number())) {
    if (std::string_view(call.name) != "socket" && std::string_view(call.name) != "openat" &&
        std::string_view(call.name) != "dup" && std::string_view(call.name) != "memfd_create") {
      continue;
    }
    const Descriptor made(static_cast<int>(call.make()));
    if (!made) refused++;
  }
  EXPECT_EQ(refused, 0U);
}

TEST(Sandbox, a_violation_ends_the_process) {
  const int status = status_of_child([] {
    if (!enter_sandbox(SandboxViolation::kill)) return 200;
    syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    return 201;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

TEST(Sandbox, leaves_no_right_and_no_way_to_one) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Descriptor reading(ends[0]), writing(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    const char entered = enter_sandbox(SandboxViolation::kill) ? 'y' : 'n';
    static_cast<void>(!write(writing.number(), &entered, 1));
    char byte;
    static_cast<void>(!read(reading.number(), &byte, 0));
    for (;;) poll(nullptr, 0, -1);
  }
  char entered = 'n';
  ASSERT_EQ(read(reading.number(), &entered, 1), 1);
  ASSERT_EQ(entered, 'y');
  std::vector<std::string> lines;
  std::ifstream file("/proc/" + std::to_string(child) + "/status");
  for (std::string line; std::getline(file, line);) {
    const bool wanted = line.starts_with("Cap") || line.starts_with("NoNewPrivs") || line.starts_with("Seccomp:");
    if (wanted && (geteuid() == 0 || !line.starts_with("CapBnd"))) lines.push_back(line);
  }
  std::string limits;
  std::ifstream limits_file("/proc/" + std::to_string(child) + "/limits");
  for (std::string line; std::getline(limits_file, line);) {
    if (line.starts_with("Max core file size")) limits = line;
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_GE(lines.size(), 6U);
  for (const std::string& line : lines) {
    if (line.starts_with("Cap")) EXPECT_TRUE(line.ends_with("0000000000000000")) << line;
    if (line.starts_with("NoNewPrivs")) EXPECT_TRUE(line.ends_with("1")) << line;
    if (line.starts_with("Seccomp")) EXPECT_TRUE(line.ends_with("2")) << line;
  }
  EXPECT_NE(limits.find(" 0 "), std::string::npos) << limits;
}

TEST(Sandbox, an_assertion_still_says_why) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const int status = status_of_child([&] {
    dup2(writing.number(), 2);
    if (!enter_sandbox(usual_violation)) return 200;
    __assert_fail("a belief of ours", "file.cc", 1, "function");
  });
  writing.close();
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  const auto said = read_to_end(reading, 4096);
  ASSERT_TRUE(said);
  EXPECT_NE(text_of(*said).find("a belief of ours"), std::string_view::npos);
}

// What a tunnel does all day: timers, entropy, lines on stderr, packets with descriptors, UDP bursts and TLS over a
// socket that it was handed. Returns where it stopped; 0 is the end.
int live_in_the_sandbox(Descriptor pair, const Buffer& roots_pem, Descriptor udp) {
  Loop loop;
  prepare_tls();
  start_log("sandboxed", LogLevel::error);
  if (!enter_sandbox()) return 1;

  std::vector<Descriptor> handed;
  bool closed = false;
  Seqpacket gate(loop, std::move(pair), 1,
                 {.received =
                      [&](Seqpacket::Received received) {
                        for (Descriptor& one : received.descriptors) handed.push_back(std::move(one));
                      },
                  .closed = [&] { closed = true; }});
  if (!run_until(loop, [&] { return !handed.empty(); })) return 2;

  SystemRandom random;
  if (random.u64() == random.u64()) return 3;
  log(LogLevel::error, "a line from inside");

  UdpSocket socket(loop, std::move(udp));
  const Buffer segments(10 * 1280);
  if (socket.send_burst(segments, 1280) != segments.size() || !socket.sends_segments()) return 4;

  const auto roots = TlsRoots::parse(roots_pem);
  if (!roots) return 5;
  auto client = TlsClient::create(loop, std::move(handed[0]), *roots, "relay.example.com");
  if (!client) return 6;
  std::optional<bool> shaken;
  (*client)->handshake([&](Result<void, TlsFailure> result) { shaken = result.has_value(); });
  if (!run_until(loop, [&] { return shaken.has_value(); }) || !*shaken) return 7;
  if (!(*client)->write_some(bytes_of("done\n"))) return 8;
  if (!gate.send(bytes_of("bye"))) return 9;
  return run_until(loop, [&] { return closed; }) ? 0 : 10;
}

TEST(Sandbox, leaves_a_tunnel_all_it_needs) {
  using testing_tls::Identity;
  const Identity authority({.subject = "Lab Root"});
  const Identity relay({.subject = "relay", .alternative_names = "DNS:relay.example.com", .issuer = &authority});
  Buffer roots_pem = authority.pem();  // with the system's, because many roots are sorted and searched in other ways
  if (const auto usual = read_file(system_roots_path, TlsRoots::pem_bytes_max / 2, FileTrust::any)) {
    append(roots_pem, *usual);
  }
  auto pair = Seqpacket::make_pair();
  ASSERT_TRUE(pair);
  Loop loop;
  UdpSocket udp_peer(loop, udp_here());
  auto udp = open_udp_beside(udp_here(), udp_peer.local());
  ASSERT_TRUE(udp);

  testing::internal::CaptureStderr();
  const pid_t child = fork();
  if (child == 0) {
    pair->first.close();
    if (pair->second.number() != pair_there && dup2(pair->second.number(), pair_there) < 0) _exit(199);
    if (pair->second.number() == pair_there) pair->second.release();
    _exit(live_in_the_sandbox(Descriptor(pair_there), roots_pem, std::move(*udp)));
  }
  pair->second.close();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  std::vector<Descriptor> handed;
  handed.emplace_back(ends[0]);
  std::string heard;
  {
    bool bye = false, closed = false;
    Seqpacket tunnel(loop, std::move(pair->first), 0,
                     {.received = [&](Seqpacket::Received) { bye = true; }, .closed = [&] { closed = true; }});
    ASSERT_TRUE(tunnel.send(bytes_of("x"), std::move(handed)));
    testing_tls::Server server(Descriptor(ends[1]), {.identity = &relay},
                               [&](SSL* connection) { heard = testing_tls::read_until(connection, '\n'); });
    EXPECT_TRUE(run_until(loop, [&] { return bye || closed; }));
    EXPECT_TRUE(bye);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(heard, "done\n");
  EXPECT_NE(said.find("sandboxed: error: a line from inside"), std::string::npos);
}

}  // namespace
}  // namespace quoin::io
