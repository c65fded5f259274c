// The tunnels that run: a child process and the socket pair to it, for each session.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gate/effects.h"
#include "io/closer.h"
#include "io/descriptor.h"
#include "io/process_guard.h"
#include "io/seqpacket.h"
#include "io/spawn.h"
#include "pair/messages.h"

namespace quoin::apps {

class Children {
 public:
  // Each tunnel is a user of its own where the agent may do that, so that files, signals and tracing are refused to it
  // by the kernel and not by its filter of system calls alone. Nobody else has these numbers: systemd gives out 60001
  // to 60577 and 61184 to 65519 (DynamicUser), 524288 to 1879048191 (containers) and 2147352576 to 2147418111 (foreign
  // images); Debian those below 60000 and, for users of containers, 100000 to 600100000; SSSD and FreeIPA number a
  // domain's users up to 2000200000; and what is over 2147483647 some programs take for negative.
  static constexpr io::Users users = {.first = 2'100'000'000, .count = 1'000};
  static constexpr io::Users reading_users = {.first = users.first + users.count, .count = 1};  // quoin-snmp's
  static constexpr io::Users resolving_users = {.first = reading_users.first + 1, .count = 1};  // quoin-resolver's

  struct Handlers {
    std::function<void(gate::SessionId)> started;
    std::function<void(gate::SessionId, std::string why)> failed;  // it does not run, and nothing else follows
    std::function<void(gate::SessionId, Result<pair::FromTunnel, pair::MessageError>)> message;
    std::function<void(gate::SessionId, std::string how)> exited;
  };

  // What a tunnel is given with the first message: open files.
  struct Roots {
    io::Descriptor control;
    io::Descriptor relay;
  };

  // program: quoin-tunnel.
  Children(io::Loop& loop, io::ProcessGuard& guard, io::Closer& closer, io::Program program, Handlers handlers);

  // Killed at the latest at `killed_at`, even if the loop stands still then. Of a failure here `failed` is not called.
  Result<void, std::string> start(gate::SessionId session, const std::string& device, const gate::Ends& killed_at,
                                  Roots roots);
  void move_end(gate::SessionId session, const gate::Ends& killed_at);
  void kill(gate::SessionId session);
  Roots take_roots(gate::SessionId session);  // once
  // False if it cannot take it; the descriptors are closed in any case.
  bool send(gate::SessionId session, const pair::FromGate& message, std::vector<io::Descriptor> descriptors);

 private:
  struct Running {
    std::unique_ptr<io::Child> process;
    std::unique_ptr<io::Seqpacket> pair;
    Roots roots;
  };

  io::Loop& loop_;
  io::ProcessGuard& guard_;
  io::Closer& closer_;
  io::Program program_;
  Handlers handlers_;
  std::map<gate::SessionId, Running> running_;
};

}  // namespace quoin::apps
