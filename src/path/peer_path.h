// One peer's direct path: the addresses it may have, the pings under way, the best address and how long it is trusted.
//
// Addresses come in here after the guard has passed them. Nothing is sent from here: the owner asks which pings are
// due, sends them, and says so.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "disco/message.h"
#include "path/place.h"
#include "path/timing.h"

namespace quoin::path {

// An address that has answered.
struct Proven {
  Endpoint endpoint;
  Duration latency;
};

// Whether a is to replace b: the faster by its percentage, IPv6 by ten points; small differences change nothing.
bool is_better(const Proven& a, const Proven& b);

class PeerPath {
 public:
  static constexpr std::size_t candidates_max = 100;
  static constexpr std::size_t map_endpoints_max = 32;
  static constexpr std::size_t call_me_maybe_endpoints_max = 32;
  static constexpr std::size_t pings_outstanding_max = 64;

  // ---- candidates
  void set_map_endpoints(const std::vector<Endpoint>& endpoints, Instant now);            // replaces the map's
  void set_call_me_maybe_endpoints(const std::vector<Endpoint>& endpoints, Instant now);  // replaces the last one's
  // False for a repetition: the same transaction from the same address.
  [[nodiscard]] bool note_ping_received(const Endpoint& from, const disco::Transaction& transaction, Instant now);
  void remove_if(const std::function<bool(const Endpoint&)>& refused);
  void forget_proofs();  // the peer, or our network, is another now: nothing is proven, everything may be pinged
  void note_unreachable(const Endpoint& endpoint);
  std::size_t candidates() const { return candidates_.size(); }
  Origin origin_of(const Endpoint& endpoint) const;

  // ---- pings
  // Candidates to ping in a discovery now; counts them as pinged.
  std::vector<Endpoint> take_due(Instant now);
  // Whether to ping an address because it has just pinged us: yes while nothing is trusted, even if our last ping is
  // recent, since that one may have met a NAT which the peer had not opened yet.
  bool take_ping_back(const Endpoint& endpoint, Instant now);
  void make_all_due(Instant now);  // the peer asked for it; at most once per call_me_maybe_interval_min
  bool may_ping() const { return pings_.size() < pings_outstanding_max; }
  void note_ping_sent(const disco::Transaction& transaction, const Endpoint& to, Instant now);
  // False if no such ping is under way.
  [[nodiscard]] bool handle_pong(const disco::Transaction& transaction, Instant now);

  // ---- data
  void note_sent(Instant now);
  bool is_active(Instant now) const { return last_sent_ && now - *last_sent_ < session_active; }
  const std::optional<Proven>& best() const { return best_; }
  bool is_trusted(Instant now) const { return best_ && now < trusted_until_; }
  bool wants_discovery(Instant now) const;

  // ---- time
  std::optional<Instant> next_timeout() const;
  // Gives up pings without answer. True if a heartbeat is due: ping the best address, discover if that is wanted.
  bool handle_timeout(Instant now);

 private:
  struct Candidate {
    bool from_map = false;
    bool from_call_me_maybe = false;
    std::optional<Instant> pinged_us;
    disco::Transaction last_transaction{};
    std::optional<Instant> last_ping;  // of ours
  };
  struct OutstandingPing {
    disco::Transaction transaction;
    Endpoint to;
    Instant at;
  };
  using Candidates = std::map<Endpoint, Candidate>;

  bool lives(const Candidates::value_type& candidate, Instant now) const;
  void remove_dead(Instant now);
  void make_room_for_one();
  void clear_best() { best_.reset(); }

  Candidates candidates_;
  std::vector<OutstandingPing> pings_;  // oldest first
  std::optional<Proven> best_;
  Instant trusted_until_;
  std::optional<Instant> last_sent_;
  std::optional<Instant> last_full_discovery_;
  std::optional<Instant> all_due_at_;  // of the last make_all_due
  std::optional<Instant> nothing_due_before_;
  std::optional<Instant> heartbeat_at_;
};

}  // namespace quoin::path
