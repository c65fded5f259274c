// The choice of the home region: the one whose relay our peers send to.
//
// The region with the lowest latency, as STUN measured it in the last five minutes; but a move costs every peer a new
// map, so the old home stays unless the gain is real. Without any STUN answer (UDP blocked) it is the region that was
// last connected, or the first of the map. A home whose relay stays down is left for another region.
// (Tailscale, net/netcheck; leaving a relay that is down is ours.)
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "path/place.h"
#include "path/relay_map.h"
#include "path/timing.h"

namespace quoin::path {

class HomeRegion {
 public:
  static constexpr std::size_t samples_max = 16;  // a region

  void set_map(const RelayMap& map, Instant now);
  void set_control_connected(bool connected) { control_connected_ = connected; }
  void note_latency(RegionId region, Duration latency, Instant now);
  void note_report_done(Instant now);
  void relay_connected(RegionId region);
  void relay_disconnected(RegionId region, Instant now);

  std::optional<RegionId> region() const { return home_; }
  std::optional<RegionId> fastest_other() const;  // than the home, of those that have answered
  std::vector<std::pair<RegionId, Duration>> latencies() const;

  std::optional<Instant> next_timeout() const;
  void handle_timeout(Instant now);

 private:
  struct Sample {
    Duration latency;
    Instant at;
  };
  struct Choice {
    bool never_home = false;
    double score = 1;
    bool is_connected = false;
    std::optional<Instant> avoided_until;
    std::vector<Sample> samples;
  };

  std::optional<Duration> latency(const Choice& choice) const;
  std::optional<double> weighted(const Choice& choice) const;
  bool is_eligible(const Choice& choice, Instant now) const;
  std::optional<RegionId> best(Instant now) const;
  std::optional<RegionId> without_measurements(Instant now) const;
  void choose_first(Instant now);
  void reconsider(Instant now);
  void move_to(RegionId region, Instant now);
  void forget_old_samples(Instant now);

  std::map<RegionId, Choice> choices_;
  std::optional<RegionId> home_;
  std::optional<RegionId> last_connected_;
  std::optional<Instant> choose_by_;        // while there is no home
  std::optional<Instant> home_down_until_;  // patience with a home that is not connected
  bool control_connected_ = true;
};

}  // namespace quoin::path
