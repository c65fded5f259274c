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
        std::optional<std::uint32_t> user, int pair, int error, int log, pid_t parent)
      : program_(program),
        arguments_(arguments),
        environment_(environment),
        descriptors_(descriptors),
        user_(user),
        pair_(pair),
        error_(error),
        log_(log),
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
    if (dup2(log_, STDERR_FILENO) < 0) fail();
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
  int log_;
  pid_t parent_;
};

// Killed by their destructors, and perhaps not gone yet: a process in a call that no signal ends.
std::vector<pid_t>& left_to_themselves() {
  static std::vector<pid_t> pids;
  return pids;
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

Result<Program, SystemError> Program::find(const std::string& path) {
  Descriptor file(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return system_failure("start " + path);
  return Program(path, std::move(file));
}

bool Program::may_be_run_by_others() const {
  struct stat found{};
  return fstat(file_.number(), &found) == 0 && (found.st_mode & S_IXOTH) != 0;
}

Result<std::unique_ptr<Child>, SystemError> Child::start(Loop& loop, const Options& options, Handlers handlers) {
  assert(gettid() == getpid());
  reap_those_left();
  auto [ours, theirs] = TRY(Seqpacket::make_pair());
  refuse_descriptors(ours.number());  // before there is anybody who could send any
  std::array<int, 2> exec_ends, log_ends;
  if (pipe2(exec_ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return system_failure("make a pipe");
  Descriptor told(exec_ends[0]), telling(exec_ends[1]);
  if (pipe2(log_ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return system_failure("make a pipe");
  Descriptor said(log_ends[0]), saying(log_ends[1]);

  std::vector<std::string> all = {options.program.path()};
  all.insert(all.end(), options.arguments.begin(), options.arguments.end());
  const std::vector<char*> argument_pointers = pointers_to(all);
  const std::vector<char*> environment_pointers = pointers_to(options.environment);
  Birth birth(options.program.number(), argument_pointers.data(), environment_pointers.data(),
              descriptor_limit(options.descriptors_max), options.user, theirs.number(), telling.number(),
              saying.number(), getpid());

  const pid_t pid = fork();
  if (pid < 0) return system_failure("start a process");
  if (pid == 0) birth.run();
  Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    const auto why = system_failure("watch a process");
    ::kill(pid, SIGKILL);
    left_to_themselves().push_back(pid);
    return why;
  }
  Made made{std::move(process), std::move(ours), std::move(told), std::move(said)};
  return std::unique_ptr<Child>(new Child(loop, pid, std::move(made), options, std::move(handlers)));
}

Child::Child(Loop& loop, int pid, Made made, const Options& options, Handlers handlers)
    : pid_(pid),
      program_(options.program.path()),
      process_(loop, std::move(made.process)),
      told_(loop, std::move(made.told)),
      pair_(std::move(made.pair)),
      log_(loop, std::move(made.said), options.name),
      handlers_(std::move(handlers)) {
  told_.wait_readable([this] { hear_of_exec(); });
}

// The exec came about if its end of the pipe closed without a word.
void Child::hear_of_exec() {
  int code = 0;
  const ssize_t got = read(told_.number(), &code, sizeof code);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return told_.wait_readable([this] { hear_of_exec(); });
  process_.wait_readable([this] { reap(); });
  auto started = std::move(handlers_.started);
  if (got != static_cast<ssize_t>(sizeof code)) return started({});
  handlers_.exited = nullptr;
  started(std::unexpected(SystemError{"start " + program_, code}));
}

Child::~Child() {
  if (gone_) return;
  kill();
  left_to_themselves().push_back(pid_);
  reap_those_left();
}

void Child::reap_those_left() {
  std::erase_if(left_to_themselves(), [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
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
  log_.finish();
  if (auto exited = std::move(handlers_.exited)) exited(status_of(information));
}

}  // namespace quoin::io
