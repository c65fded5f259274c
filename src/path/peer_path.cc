#include "path/peer_path.h"

#include <algorithm>
#include <cassert>

namespace quoin::path {
namespace {

constexpr double points_for_ipv6 = 10;
constexpr double points_to_win = 1;  // more than this, against nothing

}  // namespace

bool is_better(const Proven& a, const Proven& b) {
  double for_a = a.endpoint.address.is_v6() ? points_for_ipv6 : 0;
  double for_b = b.endpoint.address.is_v6() ? points_for_ipv6 : 0;
  const auto percentage = [](Duration fast, Duration slow) {
    return 100.0 * static_cast<double>((slow - fast).count()) / static_cast<double>(slow.count());
  };
  if (a.latency < b.latency) for_a += percentage(a.latency, b.latency);
  if (b.latency < a.latency) for_b += percentage(b.latency, a.latency);
  if (for_a <= points_to_win && for_b == 0) return false;
  return for_a > for_b;
}

// ---- candidates

void PeerPath::set_map_endpoints(const std::vector<Endpoint>& endpoints, Instant now) {
  for (auto& [endpoint, candidate] : candidates_) candidate.from_map = false;
  for (std::size_t i = 0; i < std::min(endpoints.size(), map_endpoints_max); i++) {
    if (!candidates_.contains(endpoints[i])) make_room_for_one();
    candidates_[endpoints[i]].from_map = true;
  }
  nothing_due_before_.reset();
  remove_dead(now);
}

void PeerPath::set_call_me_maybe_endpoints(const std::vector<Endpoint>& endpoints, Instant now) {
  for (auto& [endpoint, candidate] : candidates_) candidate.from_call_me_maybe = false;
  for (std::size_t i = 0; i < std::min(endpoints.size(), call_me_maybe_endpoints_max); i++) {
    if (!candidates_.contains(endpoints[i])) make_room_for_one();
    candidates_[endpoints[i]].from_call_me_maybe = true;
  }
  nothing_due_before_.reset();
  remove_dead(now);
}

bool PeerPath::note_ping_received(const Endpoint& from, const disco::Transaction& transaction, Instant now) {
  const auto known = candidates_.find(from);
  if (known == candidates_.end()) {
    make_room_for_one();
    nothing_due_before_.reset();
  } else if (known->second.pinged_us && known->second.last_transaction == transaction) {
    return false;
  }
  Candidate& candidate = candidates_[from];
  candidate.pinged_us = now;
  candidate.last_transaction = transaction;
  return true;
}

void PeerPath::remove_if(const std::function<bool(const Endpoint&)>& refused) {
  std::erase_if(candidates_, [&](const auto& entry) { return refused(entry.first); });
  std::erase_if(pings_, [&](const OutstandingPing& ping) { return refused(ping.to); });
  if (best_ && refused(best_->endpoint)) clear_best();
}

void PeerPath::forget_proofs() {
  clear_best();
  pings_.clear();
  for (auto& [endpoint, candidate] : candidates_) candidate.last_ping.reset();
  nothing_due_before_.reset();
  last_full_discovery_.reset();
}

void PeerPath::note_unreachable(const Endpoint& endpoint) {
  if (best_ && best_->endpoint == endpoint) clear_best();
  std::erase_if(pings_, [&](const OutstandingPing& ping) { return ping.to == endpoint; });
}

Origin PeerPath::origin_of(const Endpoint& endpoint) const {
  const auto found = candidates_.find(endpoint);
  const bool is_named = found != candidates_.end() && (found->second.from_map || found->second.from_call_me_maybe);
  return is_named || (best_ && best_->endpoint == endpoint) ? Origin::named : Origin::source;
}

// A candidate lives while the map or the last CallMeMaybe names it, for a while after the peer pinged from it, and as
// long as it is the best.
bool PeerPath::lives(const Candidates::value_type& entry, Instant now) const {
  const auto& [endpoint, candidate] = entry;
  if (candidate.from_map || candidate.from_call_me_maybe) return true;
  if (candidate.pinged_us && now - *candidate.pinged_us < pinged_candidate_lifetime) return true;
  return best_ && best_->endpoint == endpoint;
}

void PeerPath::remove_dead(Instant now) {
  std::erase_if(candidates_, [&](const auto& entry) { return !lives(entry, now); });
}

// The two lists are bounded, so a full table always has addresses that only a ping made known: the oldest of those
// goes.
void PeerPath::make_room_for_one() {
  static_assert(map_endpoints_max + call_me_maybe_endpoints_max + 1 < candidates_max);
  while (candidates_.size() >= candidates_max) {
    auto oldest = candidates_.end();
    for (auto each = candidates_.begin(); each != candidates_.end(); ++each) {
      const Candidate& candidate = each->second;
      if (candidate.from_map || candidate.from_call_me_maybe || (best_ && best_->endpoint == each->first)) continue;
      if (oldest == candidates_.end() || candidate.pinged_us < oldest->second.pinged_us) oldest = each;
    }
    assert(oldest != candidates_.end());
    candidates_.erase(oldest);
  }
}

// ---- pings

std::vector<Endpoint> PeerPath::take_due(Instant now) {
  if (nothing_due_before_ && now < *nothing_due_before_) return {};
  remove_dead(now);
  std::vector<Endpoint> due;
  Instant next = now + ping_interval_min;
  for (auto& [endpoint, candidate] : candidates_) {
    if (!candidate.last_ping || now - *candidate.last_ping >= ping_interval_min) {
      candidate.last_ping = now;
      due.push_back(endpoint);
    }
    next = std::min(next, *candidate.last_ping + ping_interval_min);
  }
  nothing_due_before_ = next;
  if (!due.empty()) last_full_discovery_ = now;
  return due;
}

bool PeerPath::take_ping_back(const Endpoint& endpoint, Instant now) {
  const auto entry = candidates_.find(endpoint);
  if (entry == candidates_.end() || is_trusted(now)) return false;
  entry->second.last_ping = now;
  return true;
}

void PeerPath::make_all_due(Instant now) {
  if (all_due_at_ && now - *all_due_at_ < call_me_maybe_interval_min) return;
  all_due_at_ = now;
  for (auto& [endpoint, candidate] : candidates_) candidate.last_ping.reset();
  nothing_due_before_.reset();
}

void PeerPath::note_ping_sent(const disco::Transaction& transaction, const Endpoint& to, Instant now) {
  assert(may_ping());
  pings_.push_back({.transaction = transaction, .to = to, .at = now});
}

bool PeerPath::handle_pong(const disco::Transaction& transaction, Instant now) {
  const auto ping =
      std::ranges::find_if(pings_, [&](const OutstandingPing& each) { return each.transaction == transaction; });
  if (ping == pings_.end()) return false;
  // The address that we pinged is proven, wherever the pong came from; a microsecond at least, since latencies divide.
  const Proven proven{.endpoint = ping->to, .latency = std::max<Duration>(now - ping->at, microseconds(1))};
  pings_.erase(ping);
  if (!candidates_.contains(proven.endpoint)) return true;
  const bool is_same = best_ && best_->endpoint == proven.endpoint;
  if (is_same || !is_trusted(now) || is_better(proven, *best_)) {
    best_ = proven;
    trusted_until_ = now + trust_after_pong;
  }
  return true;
}

// ---- data

void PeerPath::note_sent(Instant now) {
  last_sent_ = now;
  if (!heartbeat_at_) heartbeat_at_ = now + heartbeat_interval;
}

bool PeerPath::wants_discovery(Instant now) const {
  if (!is_trusted(now)) return true;
  if (best_->latency <= good_enough_latency) return false;
  return !last_full_discovery_ || now - *last_full_discovery_ >= full_discovery_interval;
}

// ---- time

std::optional<Instant> PeerPath::next_timeout() const {
  auto next = heartbeat_at_;
  if (!pings_.empty()) {
    const Instant given_up = pings_.front().at + ping_timeout;
    next = next ? std::min(*next, given_up) : given_up;
  }
  return next;
}

bool PeerPath::handle_timeout(Instant now) {
  while (!pings_.empty() && now >= pings_.front().at + ping_timeout) {
    if (best_ && best_->endpoint == pings_.front().to && !is_trusted(now)) clear_best();
    pings_.erase(pings_.begin());
  }
  if (!heartbeat_at_ || now < *heartbeat_at_) return false;
  heartbeat_at_.reset();
  if (!is_active(now)) return false;
  heartbeat_at_ = now + heartbeat_interval;
  return true;
}

}  // namespace quoin::path
