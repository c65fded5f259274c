// For tests: the whole program runs in a network of its own, with a loopback and, behind a pair of virtual cables, one
// neighbour with the addresses below. Where that is not allowed (it takes root) only loopback is there, and the tests
// that want a neighbour are skipped.
#include <csignal>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/isolated_network.h"

namespace quoin::io {

namespace {

class IsolatedNetwork final : public testing::Environment {
 public:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) return;
    if (!command("ip link set lo up")) return;
    int ready[2];
    if (pipe(ready) != 0) return;
    neighbour_ = fork();
    if (neighbour_ == 0) live_next_door(ready[1]);
    close(ready[1]);
    char byte;
    const bool moved_out = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    if (!moved_out) return;
    there_ =
        command("ip link add near type veth peer name far netns " + std::to_string(neighbour_)) &&
        command("ip address add 192.0.2.1/24 dev near") && command("ip link set near up") &&
        command("ip address add 2001:db8:1::1/64 dev near nodad") && next_door("ip link set lo up") &&
        next_door("ip link set far address 02:00:00:00:00:02 up") && next_door("ip address add 192.0.2.2/24 dev far") &&
        next_door("ip address add 2001:db8:1::2/64 dev far nodad") && command("ip route add default via 192.0.2.254");
  }
  void TearDown() override {
    if (neighbour_ <= 0) return;
    kill(neighbour_, SIGKILL);
    waitpid(neighbour_, nullptr, 0);
  }
  static bool command(const std::string& line) { return std::system((line + " 2>/dev/null").c_str()) == 0; }
  static bool next_door(const std::string& line) {
    return command("nsenter --net=/proc/" + std::to_string(neighbour_) + "/ns/net " + line);
  }
  static bool is_there() { return there_; }

 private:
  [[noreturn]] static void live_next_door(int ready) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (unshare(CLONE_NEWNET) != 0 || write(ready, "y", 1) != 1) _exit(1);
    close(ready);
    for (;;) pause();
  }
  static inline pid_t neighbour_ = -1;
  static inline bool there_ = false;
};

const auto* const environment = testing::AddGlobalTestEnvironment(new IsolatedNetwork);

}  // namespace

bool neighbour_is_there() {
  return IsolatedNetwork::is_there();
}

bool command_next_door(const std::string& line) {
  return IsolatedNetwork::next_door(line);
}

bool command_here(const std::string& line) {
  return IsolatedNetwork::command(line);
}

}  // namespace quoin::io
