#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "traced_thread.h"

#ifndef __x86_64__
#error "the registers of this architecture are not described here: name those that a system call takes and returns"
#endif

namespace quoin::attack {
namespace {

constexpr int call_seconds_max = 10;
constexpr std::uint64_t syscall_bytes = 2;
constexpr std::string_view syscall_instruction("\x0f\x05", syscall_bytes);
constexpr std::size_t code_bytes_max = 16 << 20;  // of one area

// What the kernel leaves in the result of a call that a stop has interrupted (include/linux/errno.h).
constexpr bool is_interrupted(std::int64_t result) {
  return result == -512 || result == -513 || result == -514 || result == -516;
}

timespec deadline() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += call_seconds_max;
  return at;
}

std::optional<timespec> left_until(const timespec& end) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t left = (end.tv_sec - now.tv_sec) * 1'000'000'000 + (end.tv_nsec - now.tv_nsec);
  if (left <= 0) return std::nullopt;
  return timespec{left / 1'000'000'000, left % 1'000'000'000};
}

class Thread final : public TracedThread {
 public:
  explicit Thread(int thread) : thread_(thread) {}
  ~Thread() override {
    if (memory_ >= 0) close(memory_);
    if (!stopped_) return;
    if (called_) ptrace(PTRACE_SETREGS, thread_, nullptr, &own_);
    ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
    for (const int signal : put_off_) syscall(SYS_tkill, thread_, signal);
  }

  std::optional<std::string> begin() {
    const std::string name = "thread " + std::to_string(thread_);
    memory_ = open(("/proc/" + std::to_string(thread_) + "/mem").c_str(), O_RDWR | O_CLOEXEC);
    if (ptrace(PTRACE_SEIZE, thread_, nullptr, PTRACE_O_EXITKILL) != 0) {
      return name + " cannot be traced: " + std::strerror(errno) +
             "; this takes CAP_SYS_PTRACE, no other tracer, and a kernel.yama.ptrace_scope below 3";
    }
    ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);
    if (!wait(deadline())) return name + " does not stop: it waits inside the kernel for what no signal interrupts";
    if (died_) return name + " has ended";
    if (ptrace(PTRACE_GETREGS, thread_, nullptr, &own_) != 0) return name + ": " + std::strerror(errno);
    if (!find_syscall_instruction()) return name + " has no syscall instruction in its code, or it cannot be read";
    return std::nullopt;
  }

  Outcome call(const SystemCall& call) override {
    if (died_) return *died_;
    called_ = true;
    user_regs_struct registers = own_;
    registers.rip = syscall_at_;
    registers.rax = call.number;
    registers.orig_rax = static_cast<unsigned long long>(-1);  // nothing to begin anew before it
    registers.rdi = call.arguments[0];
    registers.rsi = call.arguments[1];
    registers.rdx = call.arguments[2];
    registers.r10 = call.arguments[3];
    registers.r8 = call.arguments[4];
    registers.r9 = call.arguments[5];
    const auto result = step_over(registers);
    if (!result) return *died_;
    return is_interrupted(*result) ? -EINTR : *result;
  }

  bool write_memory(std::uint64_t address, Bytes bytes) override {
    return pwrite(memory_, bytes.data(), bytes.size(), static_cast<off_t>(address)) ==
           static_cast<ssize_t>(bytes.size());
  }

  bool read_memory(std::uint64_t address, MutableBytes space) override {
    return pread(memory_, space.data(), space.size(), static_cast<off_t>(address)) ==
           static_cast<ssize_t>(space.size());
  }

  std::optional<Died> look_whether_it_died() override {
    int status = 0;
    if (!died_ && waitpid(thread_, &status, __WALL | WNOHANG) == thread_) note(status);
    return died_;
  }

 private:
  // Lets it run to the end of the one instruction. The trap that follows is a signal, so that whatever it is let go
  // with afterwards passes the place where the kernel begins an interrupted call anew. Nothing if it died.
  std::optional<std::int64_t> step_over(const user_regs_struct& registers) {
    ptrace(PTRACE_SETREGS, thread_, nullptr, &registers);
    const timespec end = deadline();
    for (;;) {
      stopped_ = false;
      ptrace(PTRACE_SINGLESTEP, thread_, nullptr, nullptr);
      if (!wait(end)) return interrupt();
      if (died_) return std::nullopt;
      user_regs_struct after{};
      ptrace(PTRACE_GETREGS, thread_, nullptr, &after);
      if (trapped_ && after.rip == syscall_at_ + syscall_bytes) return static_cast<std::int64_t>(after.rax);
    }
  }

  // The call has taken too long. A stop outside of the trap's way may leave the trap behind, which nobody would be
  // there to take once the thread is let go: a call that does nothing fetches it.
  std::optional<std::int64_t> interrupt() {
    ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);
    while (!wait(deadline())) continue;
    if (died_) return std::nullopt;
    user_regs_struct registers = own_;
    registers.rip = syscall_at_;
    registers.rax = SYS_getpid;
    registers.orig_rax = static_cast<unsigned long long>(-1);
    do {
      ptrace(PTRACE_SETREGS, thread_, nullptr, &registers);
      stopped_ = false;
      ptrace(PTRACE_SINGLESTEP, thread_, nullptr, nullptr);
      while (!wait(deadline())) continue;
      if (died_) return std::nullopt;
    } while (!trapped_);
    return -EINTR;
  }

  // Until the thread has stopped or died; false at `end`.
  bool wait(const timespec& end) {
    for (;;) {
      int status = 0;
      const pid_t got = waitpid(thread_, &status, __WALL | WNOHANG);
      if (got == thread_) {
        note(status);
        return true;
      }
      if (got < 0) {  // taken away by somebody else's SIGKILL, with nothing left to wait for
        died_ = Died{.by_signal = true, .value = SIGKILL};
        stopped_ = false;
        return true;
      }
      const auto left = left_until(end);
      if (!left) return false;
      sigset_t child;
      sigemptyset(&child);
      sigaddset(&child, SIGCHLD);  // blocked by whoever made us
      sigtimedwait(&child, nullptr, &*left);
    }
  }

  void note(int status) {
    stopped_ = WIFSTOPPED(status);
    trapped_ = stopped_ && status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP;
    if (WIFEXITED(status)) died_ = Died{.by_signal = false, .value = WEXITSTATUS(status)};
    if (WIFSIGNALED(status)) died_ = Died{.by_signal = true, .value = WTERMSIG(status)};
    if (stopped_ && status >> 16 == 0 && !trapped_) put_off_.push_back(WSTOPSIG(status));
  }

  bool find_syscall_instruction() {
    std::FILE* maps = std::fopen(("/proc/" + std::to_string(thread_) + "/maps").c_str(), "re");
    if (maps == nullptr) return false;
    char line[4608];
    while (syscall_at_ == 0 && std::fgets(line, sizeof line, maps) != nullptr) {
      // 7f0000000000-7f0000001000 r-xp ...
      char* end = nullptr;
      const std::uint64_t from = std::strtoull(line, &end, 16);
      if (*end != '-') continue;
      const std::uint64_t to = std::strtoull(end + 1, &end, 16);
      if (std::string_view(end).substr(0, 4) != " r-x") continue;
      Buffer code(std::min<std::size_t>(to - from, code_bytes_max));
      if (!read_memory(from, code)) continue;
      if (const auto at = text_of(code).find(syscall_instruction); at != std::string_view::npos)
        syscall_at_ = from + at;
    }
    std::fclose(maps);
    return syscall_at_ != 0;
  }

  int thread_;
  int memory_ = -1;
  user_regs_struct own_{};  // as it was stopped
  std::uint64_t syscall_at_ = 0;
  bool stopped_ = false;
  bool trapped_ = false;  // by the step, not by another signal
  bool called_ = false;
  std::vector<int> put_off_;  // signals that came meanwhile
  std::optional<Died> died_;
};

}  // namespace

Result<std::unique_ptr<TracedThread>, std::string> TracedThread::stop(int thread) {
  auto made = std::make_unique<Thread>(thread);
  if (auto problem = made->begin()) return failure(std::move(*problem));
  return made;
}

}  // namespace quoin::attack
