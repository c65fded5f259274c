#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <vector>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/limits.h"
#include "io/sandbox.h"
#include "io/spawn.h"

namespace quoin::io {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_AARCH64;
#else
#error "add this architecture's AUDIT_ARCH constant"
#endif

constexpr std::uint32_t no_file = ~0U;  // MAP_ANONYMOUS, as the C library says it: descriptor -1

// Calls that are allowed whatever their arguments are.
constexpr int allowed_calls[] = {
    // work on descriptors
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_shutdown, SYS_close,
    SYS_getsockopt, SYS_getsockname, SYS_getpeername,
    // the loop and its timer
    SYS_epoll_pwait, SYS_epoll_ctl, SYS_timerfd_settime, SYS_ppoll,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
    // memory
    SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk,
    // time, entropy, locks, what the C library asks of itself
    SYS_clock_gettime, SYS_gettimeofday, SYS_clock_nanosleep, SYS_nanosleep, SYS_restart_syscall, SYS_getrandom,
    SYS_futex, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_getpid, SYS_gettid, SYS_getppid,
    SYS_sched_yield, SYS_sysinfo,
// its own end
#ifdef QUOIN_SANITIZED
    SYS_sigaltstack,  // AddressSanitizer asks for it before each end
#endif
    SYS_exit, SYS_exit_group};

// Every call but write() that is allowed below and works on the descriptor that is its first argument.
constexpr int calls_on_descriptors[] = {SYS_read,        SYS_readv,       SYS_writev,   SYS_recvfrom, SYS_recvmsg,
                                        SYS_recvmmsg,    SYS_sendto,      SYS_shutdown, SYS_close,    SYS_getsockopt,
                                        SYS_getsockname, SYS_getpeername, SYS_fcntl,    SYS_ioctl};

constexpr std::uint32_t low_half_of_argument(int index) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + static_cast<std::size_t>(index) * 8);
}

constexpr std::uint32_t high_half_of_argument(int index) {
  return low_half_of_argument(index) + 4;
}

// A classic BPF program (seccomp(2)). Each rule begins with the call's number in the accumulator and leaves it there
// when it does not decide.
class Filter {
 public:
  explicit Filter(std::uint32_t refusal) : refusal_(refusal) {
    load(offsetof(seccomp_data, arch));
    skip_if_equal(our_architecture, 1);
    end(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
  }

  void allow(int call) {
    skip_unless_equal(static_cast<std::uint32_t>(call), 1);
    end(SECCOMP_RET_ALLOW);
  }
  // All of `forbidden` must be clear in the argument.
  void allow_without(int call, int argument, std::uint32_t forbidden) {
    skip_unless_equal(static_cast<std::uint32_t>(call), 4);
    load(low_half_of_argument(argument));
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, forbidden, 1, 0));
    end(SECCOMP_RET_ALLOW);
    end(refusal_);
  }
  // All of `forbidden` must be clear in the argument, and the lower half of the other one be `value`.
  void allow_without(int call, int argument, std::uint32_t forbidden, int other_argument, std::uint32_t value) {
    skip_unless_equal(static_cast<std::uint32_t>(call), 6);
    load(low_half_of_argument(argument));
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, forbidden, 3, 0));
    load(low_half_of_argument(other_argument));
    skip_unless_equal(value, 1);
    end(SECCOMP_RET_ALLOW);
    end(refusal_);
  }
  // All of `forbidden` must be clear in the argument, and every bit of the other one.
  void allow_without(int call, int argument, std::uint32_t forbidden, int null_argument) {
    skip_unless_equal(static_cast<std::uint32_t>(call), 8);
    load(low_half_of_argument(argument));
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, forbidden, 5, 0));
    load(low_half_of_argument(null_argument));
    skip_unless_equal(0, 3);
    load(high_half_of_argument(null_argument));
    skip_unless_equal(0, 1);
    end(SECCOMP_RET_ALLOW);
    end(refusal_);
  }
  void allow_with(int call, int argument, std::uint32_t value) {
    skip_unless_equal(static_cast<std::uint32_t>(call), 4);
    load(low_half_of_argument(argument));
    skip_unless_equal(value, 1);
    end(SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, nr));
  }
  void allow_with(int call, int argument, std::uint32_t value, int other_argument, std::uint32_t other_value) {
    skip_unless_equal(static_cast<std::uint32_t>(call), 6);
    load(low_half_of_argument(argument));
    skip_unless_equal(value, 3);
    load(low_half_of_argument(other_argument));
    skip_unless_equal(other_value, 1);
    end(SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, nr));
  }
  // The call stays as it is with any other value.
  void refuse_with(int call, int argument, std::uint32_t value) {
    skip_unless_equal(static_cast<std::uint32_t>(call), 4);
    load(low_half_of_argument(argument));
    skip_unless_equal(value, 1);
    end(refusal_);
    load(offsetof(seccomp_data, nr));
  }
  std::vector<sock_filter> finished() {
    end(refusal_);
    return std::move(program_);
  }

 private:
  void load(std::size_t offset) {
    program_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  }
  void skip_if_equal(std::uint32_t value, std::uint8_t count) {
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, count, 0));
  }
  void skip_unless_equal(std::uint32_t value, std::uint8_t count) {
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
  }
  void end(std::uint32_t verdict) { program_.push_back(BPF_STMT(BPF_RET | BPF_K, verdict)); }

  std::uint32_t refusal_;
  std::vector<sock_filter> program_;
};

std::uint32_t refusal_of(SandboxViolation violation) {
  switch (violation) {
    case SandboxViolation::kill: return SECCOMP_RET_KILL_PROCESS;
    case SandboxViolation::refuse: return SECCOMP_RET_ERRNO | EPERM;
    case SandboxViolation::report: return SECCOMP_RET_LOG;
  }
  return SECCOMP_RET_KILL_PROCESS;
}

std::vector<sock_filter> make_filter(SandboxViolation violation) {
  Filter filter(refusal_of(violation));
  // Standard error is the gate's own, perhaps the terminal of a person or a socket of journald: to be written to, and
  // nothing else. Descriptors come over the pair and never go, and only the gate ends it.
  for (const int call : calls_on_descriptors) filter.refuse_with(call, 0, STDERR_FILENO);
  filter.refuse_with(SYS_shutdown, 0, spawned_pair_number);
  // The call that a packet meets. The fourth argument of sendto is the address. MSG_FASTOPEN connects, and what
  // MSG_MORE holds back would leave for where the socket was connected to, after the gate has ended that.
  filter.allow_without(SYS_sendto, 3, MSG_FASTOPEN | MSG_MORE, 4);
  for (const int call : allowed_calls) filter.allow(call);
  filter.allow_without(SYS_mmap, 2, PROT_EXEC, 4, no_file);  // that of standard error could be read and changed
  filter.allow_without(SYS_mprotect, 2, PROT_EXEC);
  filter.allow_with(SYS_ioctl, 1, FIONBIO);
  filter.allow_with(SYS_fcntl, 1, F_GETFL);
  filter.allow_with(SYS_fcntl, 1, F_SETFL);
  filter.allow_with(SYS_setsockopt, 1, SOL_UDP, 2, UDP_SEGMENT);                       // one call for many datagrams
  filter.allow_with(SYS_tgkill, 0, static_cast<std::uint32_t>(getpid()), 2, SIGABRT);  // abort()
  return filter.finished();
}

// Without CAP_SETPCAP the bounding set cannot shrink, but then no_new_privs keeps all that is in it out of reach.
Result<void, SystemError> drop_capabilities() {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM) return system_failure("drop a capability");
  }
  prctl(PR_SET_SECUREBITS,
        SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
            SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
        0, 0, 0);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return system_failure("drop ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (syscall(SYS_capset, &header, none.data()) != 0) return system_failure("drop capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_failure("refuse new privileges");
  return {};
}

// The C library reads the time zone's file at the first conversion of a time, which OpenSSL makes to look at a
// certificate's dates.
void read_files_of_the_c_library() {
  tzset();
}

}  // namespace

Result<void, SystemError> enter_sandbox(SandboxViolation violation) {
  read_files_of_the_c_library();
  TRY(forbid_core_dumps());
  TRY(drop_capabilities());
  std::vector<sock_filter> filter = make_filter(violation);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
    return system_failure("install the seccomp filter");
  }
  return {};
}

Result<bool, SystemError> die_with_parent(const Descriptor& pair) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return system_failure("ask to die with the parent");
  ucred maker{};
  socklen_t length = sizeof maker;
  if (getsockopt(pair.number(), SOL_SOCKET, SO_PEERCRED, &maker, &length) != 0) {
    return system_failure("ask who made the socket pair");
  }
  return maker.pid == getppid();
}

}  // namespace quoin::io
