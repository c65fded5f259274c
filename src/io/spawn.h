// A child program that gets one SOCK_SEQPACKET pair as descriptor 3, stderr as 2, and nothing else: no other
// descriptor, no environment but what is named.
//
// The child leads a session of its own, so that Ctrl-C reaches only us, and dies with us: PR_SET_PDEATHSIG is armed
// before the exec and our pid checked after it, so that there is no moment in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/readiness.h"
#include "io/system_error.h"

namespace quoin::io {

constexpr int spawned_pair_number = 3;

struct ExitStatus {
  bool by_signal = false;
  int value = 0;  // exit code or signal number
};

// Numbers of users and of groups alike.
struct Users {
  std::uint32_t first;
  std::uint32_t count;
};
// Whether a child can be given any of these users, and killed all the same (CAP_SETUID, CAP_SETGID, CAP_KILL, and a
// user namespace that has these numbers: user_namespaces(7)).
bool may_give(Users users);
bool may_be_run_by_others(const std::string& program);  // as far as its own mode says

class Child {
 public:
  // To be called from the process's main thread: the kernel kills the child when the thread that made it ends.
  // environment: "NAME=value". descriptors_max: how many the child can ever hold; the kernel drops what is sent to it
  // beyond. It can raise that only with CAP_SYS_RESOURCE. user: who
  // it is to be, in a group of the same number and no other, so that it has no capability; none: who we are. `exited`
  // is called once, also after kill(); not after destruction.
  static Result<std::unique_ptr<Child>, SystemError> start(Loop& loop, const std::string& program,
                                                           const std::vector<std::string>& arguments,
                                                           const std::vector<std::string>& environment,
                                                           std::size_t descriptors_max,
                                                           std::optional<std::uint32_t> user,
                                                           std::move_only_function<void(ExitStatus)> exited);
  ~Child();  // kills it if it still runs, and reaps it

  Descriptor take_pair() { return std::move(pair_); }  // our end; once
  int pid() const { return pid_; }
  Result<Descriptor, SystemError> handle() const;  // a pidfd of its own, for whoever watches it as well
  void kill();                                     // SIGKILL, also when it is stopped

 private:
  Child(Loop& loop, int pid, Descriptor process, Descriptor pair, std::move_only_function<void(ExitStatus)> exited);
  void reap();

  int pid_;
  Readiness process_;  // a pidfd
  Descriptor pair_;
  std::move_only_function<void(ExitStatus)> exited_;
  bool gone_ = false;
};

}  // namespace quoin::io
