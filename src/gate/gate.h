// The gate: decides who may open what, admits engineers, guards and records every dial, and ends every warrant in time.
//
// A core like the others: inputs and both clocks in, effects out. After any call that is not const, drain poll_effect,
// perform the effects in order, then sleep until poll_timeout. The tunnels that it starts are taken for hostile: of
// what they say, nothing opens, widens or prolongs anything, and what breaks the rules of the pair ends them.
//
// The life of a warrant, as the gate sees it:
//
//     command     caller, device, duration, services, engineers and dial guard judged; refusals are recorded
//     checking    the neighbour lookup must find the described MAC address, and no other
//     recording   the grant is on disk before anything opens
//     starting    lock open, tunnel started, sockets and roots handed over; registered and relay connected within 20 s
//     open        engineers admitted by name, flows dialled to the one pinned address; a person may extend it, which
//                 is on disk before the lock and the tunnel are told the new end
//     closing     the tunnel is asked to log out and go, and killed one second later
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gate/audit_chain.h"
#include "gate/config.h"
#include "gate/effects.h"
#include "gate/inputs.h"

namespace quoin::gate {

struct AuditStart {  // what reading the audit file at start gave; a file with a fault starts no gate
  AuditPlace place;
  std::optional<FileRepaired> repaired;
};

class Gate {
 public:
  static constexpr std::size_t commands_waiting_max = 64;
  static constexpr std::size_t watchers_max = 8;
  static constexpr Duration watch_every = seconds(1);  // at most so often is a watcher told something

  Gate(Config config, Result<HostView, std::string> host, AuditStart audit, WallTime wall, Instant now);
  ~Gate();

  void handle(Input input, WallTime wall, Instant now);
  void handle_timeout(WallTime wall, Instant now);

  std::optional<Effect> poll_effect();
  std::optional<Instant> poll_timeout() const;

  std::size_t open_sessions() const;  // with a tunnel running or about to

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace quoin::gate
