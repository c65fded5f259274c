#include "path/home_region.h"

#include <algorithm>
#include <utility>

namespace quoin::path {
namespace {

constexpr double home_gain_share = 2.0 / 3;  // a new home's latency is at most this much of the old one's

std::optional<Instant> earlier(std::optional<Instant> a, std::optional<Instant> b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

}  // namespace

void HomeRegion::set_map(const RelayMap& map, Instant now) {
  std::map<RegionId, Choice> before = std::exchange(choices_, {});
  for (const Region& region : map) {
    if (region.id == 0 || choices_.size() >= regions_max) continue;
    const auto known = before.find(region.id);
    Choice choice = known == before.end() ? Choice{} : std::move(known->second);
    choice.never_home = region.never_home;
    choice.score = region.score > 0 ? region.score : 1;
    choices_.insert_or_assign(region.id, std::move(choice));
  }
  if (home_ && !choices_.contains(*home_)) {
    home_.reset();
    home_down_until_.reset();
  }
  if (home_ || choices_.empty()) return;
  const auto may_be_home = std::ranges::count_if(choices_, [&](const auto& each) { return !each.second.never_home; });
  if (may_be_home <= 1) {
    choose_first(now);  // nothing to measure
  } else if (!choose_by_) {
    choose_by_ = now + first_home_wait;
  }
}

void HomeRegion::note_latency(RegionId region, Duration latency, Instant now) {
  const auto entry = choices_.find(region);
  if (entry == choices_.end()) return;
  auto& samples = entry->second.samples;
  if (samples.size() == samples_max) samples.erase(samples.begin());
  samples.push_back({.latency = latency, .at = now});
}

void HomeRegion::note_report_done(Instant now) {
  forget_old_samples(now);
  if (home_) {
    reconsider(now);
  } else if (best(now)) {
    choose_first(now);
  }
}

void HomeRegion::relay_connected(RegionId region) {
  last_connected_ = region;
  const auto entry = choices_.find(region);
  if (entry == choices_.end()) return;
  entry->second.is_connected = true;
  entry->second.avoided_until.reset();
  if (region == home_) home_down_until_.reset();
}

void HomeRegion::relay_disconnected(RegionId region, Instant now) {
  const auto entry = choices_.find(region);
  if (entry == choices_.end()) return;
  entry->second.is_connected = false;
  if (region == home_ && !home_down_until_) home_down_until_ = now + home_down_patience;
}

std::optional<RegionId> HomeRegion::fastest_other() const {
  std::optional<std::pair<double, RegionId>> fastest;
  for (const auto& [id, choice] : choices_) {
    const auto value = weighted(choice);
    if (id != home_ && value && (!fastest || *value < fastest->first)) fastest = {*value, id};
  }
  if (!fastest) return std::nullopt;
  return fastest->second;
}

std::vector<std::pair<RegionId, Duration>> HomeRegion::latencies() const {
  std::vector<std::pair<RegionId, Duration>> out;
  for (const auto& [id, choice] : choices_) {
    if (const auto value = latency(choice)) out.emplace_back(id, *value);
  }
  return out;
}

std::optional<Instant> HomeRegion::next_timeout() const {
  return earlier(choose_by_, home_down_until_);
}

void HomeRegion::handle_timeout(Instant now) {
  if (choose_by_ && now >= *choose_by_) {
    choose_by_.reset();
    if (!home_) choose_first(now);
  }
  if (!home_down_until_ || now < *home_down_until_) return;
  home_down_until_ = now + home_down_patience;
  if (!home_ || !control_connected_) return;  // who is offline altogether must not wander about
  const auto entry = choices_.find(*home_);
  entry->second.avoided_until = now + home_down_avoidance;
  const auto other = best(now) ? best(now) : without_measurements(now);
  if (other) {
    move_to(*other, now);
  } else {
    entry->second.avoided_until.reset();  // no other to go to
  }
}

std::optional<Duration> HomeRegion::latency(const Choice& choice) const {
  std::optional<Duration> least;
  for (const Sample& sample : choice.samples) least = least ? std::min(*least, sample.latency) : sample.latency;
  return least;
}

std::optional<double> HomeRegion::weighted(const Choice& choice) const {
  const auto value = latency(choice);
  if (!value) return std::nullopt;
  return static_cast<double>(value->count()) * choice.score;
}

bool HomeRegion::is_eligible(const Choice& choice, Instant now) const {
  return !choice.never_home && (!choice.avoided_until || now >= *choice.avoided_until);
}

// The nearest eligible region of those that have answered.
std::optional<RegionId> HomeRegion::best(Instant now) const {
  std::optional<std::pair<double, RegionId>> nearest;
  for (const auto& [id, choice] : choices_) {
    const auto value = weighted(choice);
    if (value && is_eligible(choice, now) && (!nearest || *value < nearest->first)) nearest = {*value, id};
  }
  if (!nearest) return std::nullopt;
  return nearest->second;
}

std::optional<RegionId> HomeRegion::without_measurements(Instant now) const {
  if (last_connected_) {
    const auto last = choices_.find(*last_connected_);
    if (last != choices_.end() && is_eligible(last->second, now)) return last->first;
  }
  for (const auto& [id, choice] : choices_) {
    if (is_eligible(choice, now)) return id;
  }
  return std::nullopt;
}

void HomeRegion::choose_first(Instant now) {
  auto region = best(now);
  if (!region) region = without_measurements(now);
  if (!region && !choices_.empty()) region = choices_.begin()->first;  // a map of regions that are nobody's home
  if (region) move_to(*region, now);
}

void HomeRegion::reconsider(Instant now) {
  const auto nearest = best(now);
  if (!control_connected_ || !nearest || *nearest == *home_) return;
  const Choice& old_home = choices_.at(*home_);
  if (is_eligible(old_home, now)) {
    const auto old_value = weighted(old_home);
    if (!old_value && old_home.is_connected) return;  // STUN does not get there, the relay does
    const auto new_value = weighted(choices_.at(*nearest));
    if (old_value) {
      const bool gains = *old_value - *new_value >= static_cast<double>(home_gain_min.count());
      if (!gains || *new_value > *old_value * home_gain_share) return;
    }
  }
  move_to(*nearest, now);
}

void HomeRegion::move_to(RegionId region, Instant now) {
  home_ = region;
  choose_by_.reset();
  home_down_until_.reset();
  if (!choices_.at(region).is_connected) home_down_until_ = now + home_down_patience;
}

void HomeRegion::forget_old_samples(Instant now) {
  for (auto& [id, choice] : choices_) {
    std::erase_if(choice.samples, [&](const Sample& sample) { return now - sample.at > latency_window; });
  }
}

}  // namespace quoin::path
