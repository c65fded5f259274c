// Connections in TIME-WAIT: the pair of endpoints, and the 64 bytes that answer for it. Their application is done with
// them, so they hold no flow's place; when there are too many, the one that has waited longest goes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "netstack/flow_table.h"
#include "netstack/tcp/time_wait.h"
#include "netstack/timer_queue.h"

namespace quoin::netstack {

class TimeWaitTable {
 public:
  static constexpr std::size_t waiting_max = 4'096;

  explicit TimeWaitTable(Random& random) : table_(waiting_max, random) {}

  void add(const FlowKey& key, const tcp::TimeWait& wait);  // instead of one with the same key
  const tcp::TimeWait* find(const FlowKey& key) const;
  std::optional<tcp::Outgoing> handle_segment(const FlowKey& key, const tcp::Segment& segment, Instant now);
  void remove(const FlowKey& key);
  void remove_address(const IpAddress& local);
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const { return timers_.earliest(); }
  std::size_t size() const { return table_.size(); }

 private:
  void erase(FlowId id);

  FlowTable table_;
  std::vector<std::optional<tcp::TimeWait>> waiting_;  // by place
  TimerQueue timers_;
};

}  // namespace quoin::netstack
