#include "netstack/time_wait_table.h"

namespace quoin::netstack {

void TimeWaitTable::add(const FlowKey& key, const tcp::TimeWait& wait) {
  remove(key);
  if (table_.full()) {
    const auto oldest = timers_.pop_due(Instant::max());
    erase(table_.at(*oldest));
  }
  const FlowId id = *table_.insert(key);
  if (id.index >= waiting_.size()) waiting_.resize(id.index + 1);
  waiting_[id.index] = wait;
  timers_.set(id.index, wait.expires());
}

const tcp::TimeWait* TimeWaitTable::find(const FlowKey& key) const {
  const auto id = table_.find(key);
  return id ? &*waiting_[id->index] : nullptr;
}

std::optional<tcp::Outgoing> TimeWaitTable::handle_segment(const FlowKey& key, const tcp::Segment& segment,
                                                           Instant now) {
  const auto id = table_.find(key);
  if (!id) return std::nullopt;
  tcp::TimeWait& wait = *waiting_[id->index];
  auto answer = wait.handle_segment(segment, now);
  timers_.set(id->index, wait.expires());
  return answer;
}

void TimeWaitTable::remove(const FlowKey& key) {
  if (const auto id = table_.find(key)) erase(*id);
}

void TimeWaitTable::remove_address(const IpAddress& local) {
  for (std::uint32_t place = 0; place < table_.places(); place++) {
    const FlowId id = table_.at(place);
    if (table_.holds(id) && table_.key(id).local.address == local) erase(id);
  }
}

void TimeWaitTable::handle_timeout(Instant now) {
  while (const auto place = timers_.pop_due(now)) erase(table_.at(*place));
}

void TimeWaitTable::erase(FlowId id) {
  timers_.clear(id.index);
  waiting_[id.index].reset();
  table_.erase(id);
}

}  // namespace quoin::netstack
