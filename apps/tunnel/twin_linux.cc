// A twin of quoin-tunnel for tests: gives up its rights exactly as quoin-tunnel does, but asks the kernel to refuse
// instead of to kill, and then tries what a taken-over tunnel would try. Prints one line for each; exits with 1 if
// anything was allowed.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/sandbox.h"
#include "io/spawn.h"
#include "io/tls.h"

namespace {

int allowed = 0;

void expect_refused(const char* call, long result) {
  const bool refused = result == -1 && errno == EPERM;
  std::printf("%s %s%s%s\n", refused ? "refused" : "ALLOWED", call, refused ? "" : ": ",
              refused ? "" : std::strerror(errno));
  if (!refused) allowed++;
}

sockaddr_in at(const char* address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(9);
  inet_pton(AF_INET, address, &out.sin_addr);
  return out;
}

}  // namespace

int main() {
  using namespace quoin;
  // What a taken-over process may hold: its end of the pair, and sockets from its gate, bound and connected ones.
  constexpr int pair_end = io::spawned_pair_number;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) return 2;
  if (pair[0] != pair_end && dup2(pair[0], pair_end) != pair_end) return 2;
  io::prepare_tls();
  io::Loop loop;
  const int udp = socket(AF_INET, SOCK_DGRAM, 0);
  const int connected = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in peer = at("127.0.0.1");
  if (connect(connected, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) return 2;
  const int tcp = socket(AF_INET, SOCK_STREAM, 0);
  if (!io::enter_sandbox(io::SandboxViolation::refuse)) {
    std::puts("the sandbox could not be entered");
    return 2;
  }
  const sockaddr_in there = at("127.0.0.1");
  const auto* address = reinterpret_cast<const sockaddr*>(&there);
  char* const nothing[] = {nullptr};
  io_uring_params parameters{};

  expect_refused("socket", syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
  expect_refused("socket of netlink", syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0));
  expect_refused("socket, raw", syscall(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP));
  expect_refused("connect", syscall(SYS_connect, tcp, address, sizeof there));
  expect_refused("connect of udp", syscall(SYS_connect, udp, address, sizeof there));
  expect_refused("bind", syscall(SYS_bind, udp, address, sizeof there));
  for (const int socket : {udp, connected, tcp, pair[0]}) {
    for (const char* text : {"127.0.0.1", "192.168.77.50", "224.0.0.251", "255.255.255.255", "203.0.113.7"}) {
      sockaddr_in elsewhere = at(text);
      char byte = 'x';
      iovec part{&byte, 1};
      mmsghdr message{};
      message.msg_hdr.msg_name = &elsewhere;
      message.msg_hdr.msg_namelen = sizeof elsewhere;
      message.msg_hdr.msg_iov = &part;
      message.msg_hdr.msg_iovlen = 1;
      const std::string where = std::string(" to ") + text;
      expect_refused(("sendto" + where).c_str(),
                     syscall(SYS_sendto, socket, &byte, 1, 0, &elsewhere, sizeof elsewhere));
      expect_refused(("sendmsg" + where).c_str(), syscall(SYS_sendmsg, socket, &message.msg_hdr, 0));
      expect_refused(("sendmmsg" + where).c_str(), syscall(SYS_sendmmsg, socket, &message, 1, 0));
    }
  }
  const int on = 1;
  expect_refused("sendto that waits for more", syscall(SYS_sendto, connected, "x", 1, MSG_MORE, nullptr, 0));
  expect_refused("setsockopt of a cork", syscall(SYS_setsockopt, connected, SOL_UDP, UDP_CORK, &on, sizeof on));
  expect_refused("setsockopt of broadcast",
                 syscall(SYS_setsockopt, connected, SOL_SOCKET, SO_BROADCAST, &on, sizeof on));
  expect_refused("setsockopt of a source route",
                 syscall(SYS_setsockopt, connected, SOL_IP, IP_OPTIONS, &on, sizeof on));
  expect_refused("listen", syscall(SYS_listen, tcp, 1));
  expect_refused("accept4", syscall(SYS_accept4, tcp, nullptr, nullptr, 0));
  expect_refused("openat", syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
  expect_refused("open", syscall(SYS_open, "/etc/passwd", O_RDONLY));
  expect_refused("unlink", syscall(SYS_unlink, "/tmp/quoin-twin"));
  expect_refused("execve", syscall(SYS_execve, "/bin/true", nothing, nothing));
  expect_refused("fork", syscall(SYS_fork));
  expect_refused("ptrace", syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
  expect_refused("process_vm_readv", syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0));
  expect_refused("kill", syscall(SYS_kill, getppid(), 0));
  expect_refused("io_uring_setup", syscall(SYS_io_uring_setup, 1, &parameters));
  expect_refused("mmap of executable memory", syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  expect_refused("unshare", syscall(SYS_unshare, CLONE_NEWUSER));
  const rlimit more{65'536, 65'536};
  expect_refused("prlimit64", syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, nullptr));
  expect_refused("setuid", syscall(SYS_setuid, 0));

  // What the gate gave it: its own standard error, and the pair, over which descriptors only come.
  char text = 'x';
  iovec part{&text, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof tcp)] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof tcp);
  std::memcpy(CMSG_DATA(header), &tcp, sizeof tcp);
  mmsghdr messages{message, 0};
  const linger for_an_hour{1, 3600};
  const int error = STDERR_FILENO;
  expect_refused("sendmsg of a descriptor to the pair", syscall(SYS_sendmsg, pair_end, &message, 0));
  expect_refused("sendmmsg of a descriptor to the pair", syscall(SYS_sendmmsg, pair_end, &messages, 1, 0));
  expect_refused("shutdown of the pair", syscall(SYS_shutdown, pair_end, SHUT_RDWR));
  expect_refused("sendmsg of a descriptor to standard error", syscall(SYS_sendmsg, error, &message, 0));
  expect_refused("sendmmsg of a descriptor to standard error", syscall(SYS_sendmmsg, error, &messages, 1, 0));
  expect_refused("sendto standard error", syscall(SYS_sendto, error, &text, 1, 0, nullptr, 0));
  expect_refused("writev to standard error", syscall(SYS_writev, error, &part, 1));
  expect_refused("read of standard error", syscall(SYS_read, error, &text, 1));
  expect_refused("recvmsg of standard error", syscall(SYS_recvmsg, error, &message, MSG_DONTWAIT));
  expect_refused("shutdown of standard error", syscall(SYS_shutdown, error, SHUT_RDWR));
  expect_refused("close of standard error", syscall(SYS_close, error));
  expect_refused("mmap of standard error",
                 syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, error, 0));
  expect_refused("setsockopt of a linger",
                 syscall(SYS_setsockopt, tcp, SOL_SOCKET, SO_LINGER, &for_an_hour, sizeof for_an_hour));
  return allowed == 0 ? 0 : 1;
}
