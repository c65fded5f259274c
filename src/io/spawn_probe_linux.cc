// For tests: a program to start. It says over its pair what it finds itself with, then does as its argument says.
#include <csignal>
#include <cstdlib>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/sandbox.h"
#include "io/spawn.h"

extern char** environ;

namespace quoin::io {
namespace {

constexpr std::uint32_t another_user = 2'100'000'998;

std::string open_descriptor_numbers() {
  std::string list;
  DIR* folder = opendir("/proc/self/fd");
  const int own = dirfd(folder);
  for (int number = 0; number < 64; number++) {
    if (number != own && fcntl(number, F_GETFD) >= 0) list += std::to_string(number) + " ";
  }
  closedir(folder);
  return list;
}

// Without opening anything, because there may be no room for it.
std::size_t open_descriptor_count() {
  std::size_t count = 0;
  for (int number = 0; number < 1024; number++) count += fcntl(number, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

std::string report() {
  std::string text = "descriptors " + open_descriptor_numbers();
  text += "environment";
  for (char** one = environ; *one != nullptr; one++) text += " " + std::string(*one);
  int death_signal = 0;
  prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
  text += " death " + std::to_string(death_signal == SIGKILL);
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, nullptr, &blocked);
  text += " blocked " + std::to_string(sigismember(&blocked, SIGTERM));
  text += " pipe " + std::to_string(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
  text += " leader " + std::to_string(getsid(0) == getpid());
  Descriptor pair(spawned_pair_number);
  const auto parent_lives = die_with_parent(pair);
  text += " parent " + std::to_string(parent_lives && *parent_lives);
  pair.release();
  return text;
}

void say(const std::string& text) {
  if (send(spawned_pair_number, text.data(), text.size(), 0) < 0) std::abort();
}

// Keeps every descriptor that it is sent, and says after each packet how many it holds.
void hoard() {
  say("hoarding");
  pollfd arrival{spawned_pair_number, POLLIN, 0};
  while (poll(&arrival, 1, -1) == 1) {
    char text;
    iovec part{&text, 1};
    alignas(cmsghdr) char beside[CMSG_SPACE(sizeof(int) * 4)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = beside;
    message.msg_controllen = sizeof beside;
    if (recvmsg(spawned_pair_number, &message, 0) <= 0) return;
    say(std::to_string(open_descriptor_count()));
  }
}

int run(const std::string& task, const char* self) {
  if (task == "report") say(report());
  if (task == "stop") {
    say("stopping");
    raise(SIGSTOP);
  }
  if (task == "parent") {
    Loop loop;
    // Another user where that may be, because whether it dies with this process is then less certain.
    const auto user = may_give({another_user, 1}) ? std::optional(another_user) : std::nullopt;
    const auto program = Program::find(self);
    if (!program) return EXIT_FAILURE;
    bool runs = false;
    auto child = Child::start(
        loop, {.program = *program, .arguments = {"wait"}, .descriptors_max = 64, .user = user, .name = "grandchild"},
        {.started = [&](Result<void, SystemError>) { runs = true; }, .exited = [](ExitStatus) {}});
    while (!runs) loop.run_one();
    if (!child) return 1;
    say(std::to_string((*child)->pid()));
    pause();
  }
  if (task == "hoard") hoard();
  if (task == "exit") return 7;
  for (;;) pause();
}

}  // namespace
}  // namespace quoin::io

int main(int argc, char** argv) {
  return quoin::io::run(argc > 1 ? argv[1] : "", argv[0]);
}
