// Which regions' relays are to be connected: always the home region, any other while something is sent through it.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/time.h"
#include "path/place.h"
#include "path/relay_map.h"
#include "path/timing.h"

namespace quoin::path {

class Relays {
 public:
  static constexpr std::size_t relays_max = 16;  // connections at once

  struct Change {
    RegionId region;
    bool needed;
  };

  void set_map(const RelayMap& map, Instant now);
  void set_home(std::optional<RegionId> home, Instant now);
  void note_use(RegionId region, Instant now);
  void connected(RegionId region);
  void disconnected(RegionId region);

  bool is_connected(RegionId region) const;
  bool may_use(RegionId region) const;  // of the map, and wanted already or within the limit

  std::optional<Change> poll_change();
  std::optional<Instant> next_timeout() const;
  void handle_timeout(Instant now);

 private:
  struct Relay {
    bool is_connected = false;
    Instant last_use;
  };
  void want(RegionId region, Instant now);
  void drop(RegionId region);

  std::set<RegionId> known_;
  std::map<RegionId, Relay> wanted_;
  std::optional<RegionId> home_;
  std::deque<Change> changes_;  // bounded by the calls between two drains: one or two each
};

}  // namespace quoin::path
