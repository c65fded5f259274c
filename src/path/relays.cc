#include "path/relays.h"

#include <algorithm>
#include <vector>

namespace quoin::path {

void Relays::set_map(const RelayMap& map, Instant now) {
  known_.clear();
  for (const Region& region : map) {
    if (known_.size() < regions_max && region.id != 0) known_.insert(region.id);
  }
  std::vector<RegionId> gone;
  for (const auto& [id, relay] : wanted_) {
    if (!known_.contains(id)) gone.push_back(id);
  }
  for (const RegionId id : gone) drop(id);
  if (home_) want(*home_, now);
}

void Relays::set_home(std::optional<RegionId> home, Instant now) {
  if (home == home_) return;
  if (home_) note_use(*home_, now);  // the old one stays for those who have not heard of the move
  home_ = home;
  if (home_) want(*home_, now);
}

void Relays::note_use(RegionId region, Instant now) {
  want(region, now);
  const auto entry = wanted_.find(region);
  if (entry != wanted_.end()) entry->second.last_use = now;
}

void Relays::connected(RegionId region) {
  const auto entry = wanted_.find(region);
  if (entry != wanted_.end()) entry->second.is_connected = true;
}

void Relays::disconnected(RegionId region) {
  const auto entry = wanted_.find(region);
  if (entry != wanted_.end()) entry->second.is_connected = false;
}

bool Relays::is_connected(RegionId region) const {
  const auto entry = wanted_.find(region);
  return entry != wanted_.end() && entry->second.is_connected;
}

// One place is kept for the home region.
bool Relays::may_use(RegionId region) const {
  if (!known_.contains(region)) return false;
  return wanted_.contains(region) || wanted_.size() + 1 < relays_max || region == home_;
}

void Relays::want(RegionId region, Instant now) {
  if (wanted_.contains(region) || !may_use(region)) return;
  wanted_.emplace(region, Relay{.last_use = now});
  changes_.push_back({.region = region, .needed = true});
}

void Relays::drop(RegionId region) {
  wanted_.erase(region);
  changes_.push_back({.region = region, .needed = false});
}

std::optional<Relays::Change> Relays::poll_change() {
  if (changes_.empty()) return std::nullopt;
  const Change change = changes_.front();
  changes_.pop_front();
  return change;
}

std::optional<Instant> Relays::next_timeout() const {
  std::optional<Instant> next;
  for (const auto& [id, relay] : wanted_) {
    if (id == home_) continue;
    const Instant idle_at = relay.last_use + relay_idle;
    next = next ? std::min(*next, idle_at) : idle_at;
  }
  return next;
}

void Relays::handle_timeout(Instant now) {
  std::vector<RegionId> idle;
  for (const auto& [id, relay] : wanted_) {
    if (id != home_ && now >= relay.last_use + relay_idle) idle.push_back(id);
  }
  for (const RegionId id : idle) drop(id);
}

}  // namespace quoin::path
