#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/capabilities.h"
#include "io/seqpacket.h"
#include "io/spawn.h"
#include "io/unix_peer.h"

namespace quoin::io {

namespace {

// Beside the pair until the exec: what tells the parent why there was none, and the program, which another user may
// not find by its path.
constexpr int error_number = 4;
constexpr int program_number = 5;

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// In the child, between fork and exec: nothing here may allocate or lock, because another thread may have held the
// lock.
class Birth {
 public:
  Birth(int program, char* const* arguments, char* const* environment, rlimit descriptors,
        std::optional<std::uint32_t> user, int pair, int error, pid_t parent)
      : program_(program),
        arguments_(arguments),
        environment_(environment),
        descriptors_(descriptors),
        user_(user),
        pair_(pair),
        error_(error),
        parent_(parent) {}

  [[noreturn]] void run() {
    setsid();
    forget_signals();
    arrange_descriptors();
    if (setrlimit(RLIMIT_NOFILE, &descriptors_) != 0) fail();
    become_user();
    // After the line above, which takes it back.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail();
    if (getppid() != parent_) _exit(EXIT_FAILURE);  // it ended before the line above
    syscall(SYS_execveat, program_number, "", arguments_, environment_, AT_EMPTY_PATH);
    fail();
  }

 private:
  // By calls of the kernel: the C library's own would look for other threads first.
  void become_user() {
    if (!user_) return;
    if (syscall(SYS_setgroups, 0, nullptr) != 0 || syscall(SYS_setresgid, *user_, *user_, *user_) != 0 ||
        syscall(SYS_setresuid, *user_, *user_, *user_) != 0) {
      fail();
    }
  }

  void forget_signals() {
    for (int number = 1; number < NSIG; number++) {
      if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  void arrange_descriptors() {
    // First out of the way of the numbers they are to have.
    const int pair = fcntl(pair_, F_DUPFD_CLOEXEC, program_number + 1);
    const int error = fcntl(error_, F_DUPFD_CLOEXEC, program_number + 1);
    const int program = fcntl(program_, F_DUPFD_CLOEXEC, program_number + 1);
    if (pair < 0 || error < 0 || program < 0 || dup2(pair, spawned_pair_number) < 0) fail();
    if (dup3(error, error_number, O_CLOEXEC) < 0) fail();
    error_ = error_number;
    if (dup3(program, program_number, O_CLOEXEC) < 0) fail();
    close(0);
    close(1);
    if (syscall(SYS_close_range, program_number + 1, ~0U, 0) != 0) fail();
  }

  [[noreturn]] void fail() {
    const int code = errno;
    if (write(error_, &code, sizeof code) < 0) _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
  }

  int program_;
  char* const* arguments_;
  char* const* environment_;
  rlimit descriptors_;
  std::optional<std::uint32_t> user_;
  int pair_;
  int error_;
  pid_t parent_;
};

// 0 if the exec came about (its end of the pipe closed without a word), otherwise why it did not.
int wait_for_exec(const Descriptor& pipe) {
  int code = 0;
  ssize_t got;
  do {
    got = read(pipe.number(), &code, sizeof code);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof code) ? code : 0;
}

rlimit descriptor_limit(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max > wanted) limit.rlim_max = wanted;
  return {limit.rlim_max, limit.rlim_max};
}

// Each line of such a map: the first number in here, the first outside, and how many. A kernel without user namespaces
// has no such file, and all numbers.
bool has_numbers(const char* map, Users users) {
  std::ifstream lines(map);
  if (!lines) return true;
  const std::uint64_t end = std::uint64_t{users.first} + users.count;
  for (std::uint64_t first, outside, count; lines >> first >> outside >> count;) {
    if (first <= users.first && end <= first + count) return true;
  }
  return false;
}

bool may_set_groups() {
  std::string word;
  return !(std::ifstream("/proc/self/setgroups") >> word) || word == "allow";
}

ExitStatus status_of(const siginfo_t& information) {
  return {information.si_code != CLD_EXITED, information.si_status};
}

}  // namespace

bool may_give(Users users) {
  return has_capabilities({CAP_SETUID, CAP_SETGID, CAP_KILL}) && has_numbers("/proc/self/uid_map", users) &&
         has_numbers("/proc/self/gid_map", users) && may_set_groups();
}

bool may_be_run_by_others(const std::string& program) {
  struct stat found{};
  return stat(program.c_str(), &found) == 0 && (found.st_mode & S_IXOTH) != 0;
}

Result<std::unique_ptr<Child>, SystemError> Child::start(Loop& loop, const std::string& program,
                                                         const std::vector<std::string>& arguments,
                                                         const std::vector<std::string>& environment,
                                                         std::size_t descriptors_max, std::optional<std::uint32_t> user,
                                                         std::move_only_function<void(ExitStatus)> exited) {
  assert(gettid() == getpid());
  auto [ours, theirs] = TRY(Seqpacket::make_pair());
  refuse_descriptors(ours.number());  // before there is anybody who could send any
  std::array<int, 2> pipe_ends;
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return system_failure("make a pipe");
  Descriptor told(pipe_ends[0]), telling(pipe_ends[1]);

  std::vector<std::string> all = {program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const std::vector<char*> argument_pointers = pointers_to(all);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  const Descriptor file(open(program.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return system_failure("start " + program);
  Birth birth(file.number(), argument_pointers.data(), environment_pointers.data(), descriptor_limit(descriptors_max),
              user, theirs.number(), telling.number(), getpid());

  const pid_t pid = fork();
  if (pid < 0) return system_failure("start a process");
  if (pid == 0) birth.run();
  telling.close();
  theirs.close();
  Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_code = errno;
  const int exec_code = wait_for_exec(told);
  if (!process || exec_code != 0) {
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return std::unexpected(SystemError{"start " + program, exec_code != 0 ? exec_code : pidfd_code});
  }
  return std::unique_ptr<Child>(new Child(loop, pid, std::move(process), std::move(ours), std::move(exited)));
}

Child::Child(Loop& loop, int pid, Descriptor process, Descriptor pair, std::move_only_function<void(ExitStatus)> exited)
    : pid_(pid), process_(loop, std::move(process)), pair_(std::move(pair)), exited_(std::move(exited)) {
  process_.wait_readable([this] { reap(); });
}

Child::~Child() {
  if (gone_) return;
  kill();
  siginfo_t information{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED) != 0 && errno == EINTR) {
  }
}

Result<Descriptor, SystemError> Child::handle() const {
  Descriptor copy(fcntl(process_.number(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return system_failure("copy a descriptor");
  return copy;
}

void Child::kill() {
  if (!gone_) syscall(SYS_pidfd_send_signal, process_.number(), SIGKILL, nullptr, 0);
}

void Child::reap() {
  siginfo_t information{};
  const int waited = waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED | WNOHANG);
  if (waited == 0 && information.si_pid == 0) return process_.wait_readable([this] { reap(); });
  gone_ = true;
  auto exited = std::move(exited_);
  exited(status_of(information));
}

}  // namespace quoin::io
