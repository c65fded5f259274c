// A child program that gets one SOCK_SEQPACKET pair as descriptor 3, a pipe into our log as 2, and nothing else: no
// other descriptor, no environment but what is named. Nothing here waits for it or for the disk that it is read from:
// that it runs is told later, and one that is killed and does not end is left to itself.
//
// The child leads a session of its own, so that Ctrl-C reaches only us, and dies with us: PR_SET_PDEATHSIG is armed
// before the exec and our pid checked after it, so that there is no moment in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/child_log.h"
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

// Found once and kept: what is started later is this file, wherever its path leads then, and no disk is asked for it.
class Program {
 public:
  static Result<Program, SystemError> find(const std::string& path);
  const std::string& path() const { return path_; }
  int number() const { return file_.number(); }
  bool may_be_run_by_others() const;  // as far as its own mode says

 private:
  Program(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  Descriptor file_;
};

class Child {
 public:
  struct Options {
    const Program& program;
    std::vector<std::string> arguments = {};
    std::vector<std::string> environment = {};  // "NAME=value"
    // How many the child can ever hold; the kernel drops what is sent to it beyond. It can raise that only with
    // CAP_SYS_RESOURCE.
    std::size_t descriptors_max;
    // Who it is to be, in a group of the same number and no other, so that it has no capability; none: who we are.
    std::optional<std::uint32_t> user;
    std::string name;  // what it says is in our log under this name
  };
  // Each is called from the loop, once, and not after destruction.
  struct Handlers {
    std::move_only_function<void(Result<void, SystemError>)> started;  // the program runs; or not, and nothing follows
    std::move_only_function<void(ExitStatus)> exited;                  // also after kill()
  };
  // To be called from the process's main thread: the kernel kills the child when the thread that made it ends.
  static Result<std::unique_ptr<Child>, SystemError> start(Loop& loop, const Options& options, Handlers handlers);
  ~Child();  // kills it if it still runs

  Descriptor take_pair() { return std::move(pair_); }  // our end; once
  int pid() const { return pid_; }
  Result<Descriptor, SystemError> handle() const;  // a pidfd of its own, for whoever watches it as well
  void kill();                                     // SIGKILL, also when it is stopped
  static void reap_those_left();                   // that were killed by their destructor; each start does it as well

 private:
  struct Made {
    Descriptor process;  // a pidfd
    Descriptor pair;
    Descriptor told;  // what came of the exec
    Descriptor said;  // what it writes to standard error
  };
  Child(Loop& loop, int pid, Made made, const Options& options, Handlers handlers);
  void hear_of_exec();
  void reap();

  int pid_;
  std::string program_;
  Readiness process_;
  Readiness told_;
  Descriptor pair_;
  ChildLog log_;
  Handlers handlers_;
  bool gone_ = false;
};

}  // namespace quoin::io
