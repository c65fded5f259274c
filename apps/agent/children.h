// The tunnels that run: a child process and the socket pair to it, for each session.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gate/effects.h"
#include "io/deadline_guard.h"
#include "io/descriptor.h"
#include "io/seqpacket.h"
#include "io/spawn.h"
#include "pair/messages.h"

namespace quoin::apps {

class Children {
 public:
  // Each tunnel is a user of its own where the agent may do that, so that files, signals and tracing are refused to it
  // by the kernel and not by its filter of system calls alone. systemd's range for services of the moment has these
  // numbers.
  static constexpr std::uint32_t first_user = 62'000;
  static constexpr std::uint32_t users = 1'000;

  struct Handlers {
    std::function<void(gate::SessionId, Result<pair::FromTunnel, pair::MessageError>)> message;
    std::function<void(gate::SessionId, std::string how)> exited;
  };

  // program: the path of quoin-tunnel.
  Children(io::Loop& loop, std::string program, Handlers handlers);

  // Killed at the latest at `killed_at`, even if the loop stands still then.
  Result<void, std::string> start(gate::SessionId session, const gate::Ends& killed_at);
  void move_end(gate::SessionId session, const gate::Ends& killed_at);
  void kill(gate::SessionId session);
  // False if it cannot take it; the descriptors are closed in any case.
  bool send(gate::SessionId session, const pair::FromGate& message, std::vector<io::Descriptor> descriptors);

 private:
  struct Running {
    std::unique_ptr<io::Child> process;
    std::unique_ptr<io::Seqpacket> pair;
  };

  io::Loop& loop_;
  std::string program_;
  Handlers handlers_;
  std::map<gate::SessionId, Running> running_;
  io::DeadlineGuard guard_;
};

}  // namespace quoin::apps
