// One peer's direct path: the addresses it may have, the pings under way, the best address and how long it is trusted.
//
// An address is proven twice: by the pong to a small ping, which shows that somebody is there, and by the pong to one
// of full size, without which no packet goes there (full_size.h). The best address is the one where both are true, and
// among those the fastest. A peer that ignored padded pings, as no known one does, would stay on the relay: what is
// heard through that tells nothing of it, for a relay may lose what it likes.
//
// What the peer sends is another direction. Stock clients trust an address with everything once it has answered a small
// ping; so a ping without padding is answered only where full size passes, and held until then. And where the stack
// misses what they have sent while only small datagrams arrive directly, theirs are not answered: for one heartbeat on
// suspicion, which costs no trust, and for some minutes when it is certain, in which nothing is sent directly either.
// Their client returns to the relay.
//
// Addresses come in here after the guard has passed them. Nothing is sent from here: the owner asks which pings are
// due, sends them, and says so.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "disco/message.h"
#include "path/full_size.h"
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

  // Without sizes, small pings prove everything, as stock clients have it.
  explicit PeerPath(bool probes_sizes = true) : probes_sizes_(probes_sizes) {}

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
  bool may_pad() const { return probes_sizes_; }
  enum class Size : std::uint8_t { small, full };
  void note_ping_sent(const disco::Transaction& transaction, const Endpoint& to, Size size, Instant now);
  // False if no such ping is under way.
  [[nodiscard]] bool handle_pong(const disco::Transaction& transaction, Instant now);
  // The next address to send a ping of full size to now; it counts as sent.
  std::optional<Endpoint> take_size_probe();

  // ---- answers to the peer's pings
  // False: the peer would take an answer for more than is known. The ping is held, the last one of each address.
  [[nodiscard]] bool may_answer(const Endpoint& from, const disco::Ping& ping, Instant now);
  // A ping that was held and may now be answered.
  struct Answer {
    Endpoint to;
    disco::Transaction transaction;
  };
  std::optional<Answer> take_answer(Instant now);

  // ---- data
  void note_sent(Instant now);
  bool is_active(Instant now) const { return last_sent_ && now - *last_sent_ < session_active; }
  const std::optional<Proven>& best() const { return best_; }
  bool is_trusted(Instant now) const { return best_ && now < trusted_until_; }  // with small datagrams
  bool is_usable(Instant now) const;      // full size has passed, the last time that it was tried often enough
  bool is_proven(Instant now) const;      // and lately, so that nothing else is needed
  bool is_too_narrow(Instant now) const;  // small datagrams pass, large ones do not
  bool wants_discovery(Instant now) const;

  // ---- what arrives directly, and authentic
  void note_received(std::size_t largest_bytes, Instant now);
  // The stack misses what the peer has sent since then; certain: and has sent again three times.
  void note_missing(Instant since, bool certain, Instant now);

  // ---- time
  std::optional<Instant> next_timeout() const;
  // Gives up pings without answer. True if a heartbeat is due: discover if that is wanted.
  bool handle_timeout(Instant now);
  // The address that a small ping is due to. While pings of full size are answered no other are needed.
  std::optional<Endpoint> take_heartbeat() { return std::exchange(heartbeat_due_, std::nullopt); }

 private:
  struct Candidate {
    bool from_map = false;
    bool from_call_me_maybe = false;
    std::optional<Instant> pinged_us;
    disco::Transaction last_transaction{};
    std::optional<Instant> last_ping;  // of ours
    Duration latency{};                // of the last small ping that was answered
    FullSize full_size;
  };
  struct OutstandingPing {
    disco::Transaction transaction;
    Endpoint to;
    Size size;
    Instant at;
  };
  using Candidates = std::map<Endpoint, Candidate>;

  bool lives(const Candidates::value_type& candidate, Instant now) const;
  void remove_dead(Instant now);
  void make_room_for_one();
  void clear_best();
  void handle_small_pong(Candidates::value_type& candidate, Duration latency, Instant now);
  void handle_full_pong(Candidates::value_type& candidate, Duration latency, Instant now);
  void make_best(const Candidates::value_type& candidate, Instant now);
  bool is_preferred(const Candidates::value_type& candidate) const;
  bool passes(const FullSize& size) const { return !probes_sizes_ || size.passes(); }
  void probe_size(const Endpoint& endpoint, FullSize& size, Instant now);
  void doubt_best(Instant now);
  void handle_size_timer(Instant now);
  FullSize* best_size();
  const FullSize* best_size() const;
  bool hears_large(Instant now) const;
  bool pauses(Instant now) const { return paused_until_ && now < *paused_until_; }

  bool probes_sizes_;
  Candidates candidates_;
  std::vector<OutstandingPing> pings_;  // oldest first
  std::optional<Proven> best_;
  Instant trusted_until_;
  std::optional<Instant> last_sent_;
  std::optional<Instant> last_full_discovery_;
  std::optional<Instant> all_due_at_;  // of the last make_all_due
  std::optional<Instant> nothing_due_before_;
  std::optional<Instant> heartbeat_at_;
  std::optional<Endpoint> heartbeat_due_;
  std::optional<Instant> size_timer_;        // the next probe of the best address, or its verdict
  std::vector<Endpoint> size_probes_due_;    // each a candidate, and once
  std::optional<Endpoint> answer_due_;       // a held ping from there may be answered
  std::optional<Instant> received_at_;       // directly, anything
  std::optional<Instant> full_received_at_;  // directly, of full size
  std::optional<Instant> suspected_until_;   // large datagrams of the peer may not arrive
  std::optional<Instant> paused_until_;      // they do not
  Duration pause_next_ = inbound_pause_first;
};

}  // namespace quoin::path
