// The keys of a session, and the three sessions that a peer can have at once (WireGuard paper, section 6.1 and 6.3).
//
//   current   what we send on
//   previous  what we sent on before; packets of it may still be on their way to us
//   next      made by us as responder, but not yet proved by a packet of the initiator: received on, never sent on
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "base/time.h"
#include "wireguard/handshake.h"
#include "wireguard/ids.h"
#include "wireguard/index_table.h"
#include "wireguard/replay_window.h"

namespace quoin::wireguard {

// How many packets a session carries. Tests make these smaller.
struct MessageLimits {
  std::uint64_t rekey_after = std::uint64_t{1} << 60;
  std::uint64_t reject_after = std::numeric_limits<std::uint64_t>::max() - (std::uint64_t{1} << 13);
};

struct Keypair {
  IndexLease local;
  SessionIndex remote;
  Role role = Role::initiator;
  Instant created;
  SessionKeys keys;
  std::uint64_t next_counter = 0;
  ReplayWindow replay;

  bool expired(Instant now) const;
  bool can_send(std::uint64_t packets, const MessageLimits& limits, Instant now) const;
};

class KeypairSet {
 public:
  Keypair* current() { return current_.get(); }
  const Keypair* current() const { return current_.get(); }
  Keypair* find(SessionIndex local);  // whichever of the three has this index
  bool is_next(const Keypair& keypair) const { return &keypair == next_.get(); }
  bool empty() const { return !current_ && !previous_ && !next_; }

  void add(std::unique_ptr<Keypair> made);  // after a handshake, in the role it says
  void confirm_next();                      // the first authentic packet on next has come
  void erase_created_before(Instant limit);
  void erase();

 private:
  std::unique_ptr<Keypair> current_;
  std::unique_ptr<Keypair> previous_;
  std::unique_ptr<Keypair> next_;
};

}  // namespace quoin::wireguard
