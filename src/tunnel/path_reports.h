// What the gate is told of the ways to the engineers: the newest of each, at a pace.
//
// A path changes as often as those on the way like: a relay can say that a peer is gone between any two datagrams that
// it carries. For people one word a second is enough.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "base/time.h"
#include "crypto/keys.h"
#include "netstack/rate_limit.h"
#include "pair/messages.h"
#include "tunnel/pace.h"

namespace quoin::tunnel {

class PathReports {
 public:
  static constexpr std::uint32_t of_one_burst = 4;  // of one engineer's node
  static constexpr Duration of_one_interval = seconds(1);
  static constexpr Duration forgotten_after = seconds(10);  // without a path: who comes back at once keeps their pace
  static constexpr Duration silent_after = minutes(3);      // a client that is there and idle says nothing, too
  static constexpr Duration looked_every = seconds(5);
  static constexpr std::uint32_t burst = 256;
  static constexpr Duration interval = milliseconds(4);

  explicit PathReports(Instant now) : pace_(burst, interval, now) {}

  void note(pair::PathReport newest, Instant now);
  // Asks when each that has a path was heard last, every few seconds.
  using LastHeard = std::function<std::optional<Instant>(const crypto::NodePublicKey&)>;
  void look_who_is_silent(const LastHeard& last_heard, Instant now);
  std::optional<pair::PathReport> take(Instant now);  // the next that may be told now
  std::optional<Instant> poll_timeout() const;

 private:
  struct Path {
    pair::PathReport newest;
    pair::PathReport told;
    netstack::RateLimit pace;
    std::optional<Instant> due = {};  // to be told, or forgotten
    std::optional<Instant> gone_at = {};
    Instant has_path_since = {};
    std::optional<Instant> last_heard = {};  // if that is long ago
  };
  void plan(const crypto::NodePublicKey& key, Path& path, Instant due);

  // Peers that have a path, or had one a moment ago: no more than the node has peers, and those that left lately.
  std::map<crypto::NodePublicKey, Path> paths_;
  std::map<std::pair<Instant, crypto::NodePublicKey>, Path*> due_;
  Pace pace_;
  std::optional<Instant> look_at_;  // while anybody has a path
};

}  // namespace quoin::tunnel
