#include "path/peer_path.h"

#include <algorithm>
#include <cassert>
#include <utility>

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

void PeerPath::clear_best() {
  best_.reset();
  size_timer_.reset();
}

void PeerPath::forget_proofs() {
  clear_best();
  pings_.clear();
  for (auto& [endpoint, candidate] : candidates_) {
    candidate.last_ping.reset();
    candidate.full_size = {};
  }
  nothing_due_before_.reset();
  last_full_discovery_.reset();
  received_at_.reset();
  full_received_at_.reset();
  suspected_until_.reset();
  paused_until_.reset();
  pause_next_ = inbound_pause_first;
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
  if (entry == candidates_.end()) return false;
  Candidate& candidate = entry->second;
  if (is_trusted(now)) {
    // An answer to it may wait for what is known of another address than the best.
    if (best_->endpoint == endpoint || passes(candidate.full_size)) return false;
    if (candidate.last_ping && now - *candidate.last_ping < ping_interval_min) return false;
  }
  candidate.last_ping = now;
  return true;
}

void PeerPath::make_all_due(Instant now) {
  if (all_due_at_ && now - *all_due_at_ < call_me_maybe_interval_min) return;
  all_due_at_ = now;
  for (auto& [endpoint, candidate] : candidates_) candidate.last_ping.reset();
  nothing_due_before_.reset();
}

void PeerPath::note_ping_sent(const disco::Transaction& transaction, const Endpoint& to, Size size, Instant now) {
  assert(may_ping());
  pings_.push_back({.transaction = transaction, .to = to, .size = size, .at = now});
}

bool PeerPath::handle_pong(const disco::Transaction& transaction, Instant now) {
  const auto ping =
      std::ranges::find_if(pings_, [&](const OutstandingPing& each) { return each.transaction == transaction; });
  if (ping == pings_.end()) return false;
  const OutstandingPing answered = *ping;
  pings_.erase(ping);
  // The address that we pinged is proven, wherever the pong came from; a microsecond at least, since latencies divide.
  const auto candidate = candidates_.find(answered.to);
  if (candidate == candidates_.end()) return true;
  const Duration latency = std::max<Duration>(now - answered.at, microseconds(1));
  if (answered.size == Size::small) {
    handle_small_pong(*candidate, latency, now);
  } else {
    handle_full_pong(*candidate, latency, now);
  }
  return true;
}

void PeerPath::handle_small_pong(Candidates::value_type& entry, Duration latency, Instant now) {
  auto& [endpoint, candidate] = entry;
  candidate.latency = latency;
  const bool is_best = best_ && best_->endpoint == endpoint;
  const bool was_trusted = is_trusted(now);
  if (!was_trusted) candidate.full_size.begin_anew();
  if (is_best || !was_trusted || is_preferred(entry)) {
    make_best(entry, now);
  } else if (!passes(candidate.full_size)) {
    // It replaces the best once it is known to carry what that does; or the peer may be about to choose it.
    const bool is_faster = is_better({.endpoint = endpoint, .latency = latency}, *best_);
    if (is_faster || candidate.full_size.holds()) probe_size(endpoint, candidate.full_size, now);
  }
}

void PeerPath::handle_full_pong(Candidates::value_type& entry, Duration latency, Instant now) {
  auto& [endpoint, candidate] = entry;
  if (candidate.latency == Duration{}) candidate.latency = latency;
  candidate.full_size.note_answered(now);
  answer_due_ = endpoint;
  const bool is_best = best_ && best_->endpoint == endpoint;
  if (is_best) size_timer_.reset();
  if (is_best || !is_trusted(now) || is_preferred(entry)) make_best(entry, now);
}

void PeerPath::make_best(const Candidates::value_type& entry, Instant now) {
  const auto& [endpoint, candidate] = entry;
  if (best_ && best_->endpoint != endpoint) size_timer_.reset();
  best_ = Proven{.endpoint = endpoint, .latency = candidate.latency};
  trusted_until_ = now + trust_after_pong;
  doubt_best(now);
}

// Over the best one, which is trusted: what carries large packets before what may, and that before what does not.
bool PeerPath::is_preferred(const Candidates::value_type& entry) const {
  const auto& [endpoint, candidate] = entry;
  const auto rank = [this](const FullSize& size) {
    if (passes(size)) return 2;
    return size.verdict() == FullSize::Verdict::unknown ? 1 : 0;
  };
  const int mine = rank(candidate.full_size);
  const int theirs = rank(candidates_.at(best_->endpoint).full_size);
  return mine != theirs ? mine > theirs : is_better({.endpoint = endpoint, .latency = candidate.latency}, *best_);
}

// ---- full size

FullSize* PeerPath::best_size() {
  return best_ ? &candidates_.at(best_->endpoint).full_size : nullptr;
}

const FullSize* PeerPath::best_size() const {
  return best_ ? &candidates_.at(best_->endpoint).full_size : nullptr;
}

void PeerPath::probe_size(const Endpoint& endpoint, FullSize& size, Instant now) {
  if (!probes_sizes_ || !size.may_probe(now)) return;
  size.note_probe_sent(now);
  size_probes_due_.push_back(endpoint);
}

std::optional<Endpoint> PeerPath::take_size_probe() {
  while (!size_probes_due_.empty()) {
    const Endpoint endpoint = size_probes_due_.back();
    size_probes_due_.pop_back();
    if (candidates_.contains(endpoint)) return endpoint;
  }
  return std::nullopt;
}

// Full size is to be proven on the best address: now, and again while there is no answer.
void PeerPath::doubt_best(Instant now) {
  if (size_timer_ || !probes_sizes_ || best_size()->is_fresh(now)) return;
  if (!best_size()->has_probes_left()) return best_size()->give_up();
  size_timer_ = now;
  handle_size_timer(now);
}

void PeerPath::handle_size_timer(Instant now) {
  if (!size_timer_ || now < *size_timer_) return;
  size_timer_.reset();
  if (!is_trusted(now) || best_size()->is_fresh(now)) return;  // no word of size: nothing passes, or everything does
  FullSize& size = *best_size();
  if (!size.has_probes_left()) return size.give_up();
  probe_size(best_->endpoint, size, now);
  size_timer_ = now + (size.has_probes_left() ? size_probe_interval : size_probe_patience);
}

// ---- answers to the peer's pings

bool PeerPath::may_answer(const Endpoint& from, const disco::Ping& ping, Instant now) {
  if (ping.padding_bytes > 0) return true;  // whoever pads asks about sizes, and takes the answer for no more
  const auto candidate = candidates_.find(from);
  if (candidate == candidates_.end()) return true;
  if (passes(candidate->second.full_size) && hears_large(now)) return true;
  candidate->second.full_size.hold(ping.transaction, now);
  return false;
}

// As far as is known.
bool PeerPath::hears_large(Instant now) const {
  return !pauses(now) && !(suspected_until_ && now < *suspected_until_);
}

std::optional<PeerPath::Answer> PeerPath::take_answer(Instant now) {
  const auto endpoint = std::exchange(answer_due_, std::nullopt);
  const auto candidate = endpoint ? candidates_.find(*endpoint) : candidates_.end();
  if (candidate == candidates_.end() || !hears_large(now)) return std::nullopt;
  const auto transaction = candidate->second.full_size.take_held(now);
  if (!transaction) return std::nullopt;
  return Answer{.to = *endpoint, .transaction = *transaction};
}

// ---- data

void PeerPath::note_sent(Instant now) {
  last_sent_ = now;
  if (!heartbeat_at_) heartbeat_at_ = now + heartbeat_interval;
}

bool PeerPath::is_usable(Instant now) const {
  return best_ && passes(*best_size()) && !pauses(now);
}

bool PeerPath::is_proven(Instant now) const {
  return is_trusted(now) && is_usable(now) && (!probes_sizes_ || best_size()->is_fresh(now));
}

bool PeerPath::is_too_narrow(Instant now) const {
  if (!best_) return false;
  return pauses(now) || (best_size()->verdict() == FullSize::Verdict::lost && probes_sizes_);
}

bool PeerPath::wants_discovery(Instant now) const {
  if (!is_trusted(now)) return true;
  if (pauses(now)) return false;
  if (!is_usable(now)) return true;
  if (best_->latency <= good_enough_latency) return false;
  return !last_full_discovery_ || now - *last_full_discovery_ >= full_discovery_interval;
}

// ---- what arrives directly

void PeerPath::note_received(std::size_t largest_bytes, Instant now) {
  received_at_ = now;
  if (largest_bytes < full_size_bytes) return;
  full_received_at_ = now;
  suspected_until_.reset();
  if (!pauses(now)) pause_next_ = inbound_pause_first;
}

// It says nothing of the direct way where nothing has come by it since, or something large has.
void PeerPath::note_missing(Instant since, bool certain, Instant now) {
  if (!is_usable(now) || !received_at_ || *received_at_ <= since || now - *received_at_ >= trust_after_pong) return;
  if (full_received_at_ && *full_received_at_ > since) return;
  suspected_until_ = now + std::max(heartbeat_interval, now - since);  // until this is said again
  if (!certain) return;
  paused_until_ = now + pause_next_;
  pause_next_ = std::min(2 * pause_next_, inbound_pause_max);
}

// ---- time

std::optional<Instant> PeerPath::next_timeout() const {
  auto next = heartbeat_at_;
  if (size_timer_) next = next ? std::min(*next, *size_timer_) : *size_timer_;
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
  handle_size_timer(now);
  if (!heartbeat_at_ || now < *heartbeat_at_) return false;
  heartbeat_at_.reset();
  if (!is_active(now)) return false;
  heartbeat_at_ = now + heartbeat_interval;
  if (FullSize* size = best_size()) {
    if (!probes_sizes_ || !size->is_fresh(now) || size->awaits_answer()) heartbeat_due_ = best_->endpoint;
    // What is known is asked again, what is not is asked until it is.
    if (size->is_fresh(now) || size->verdict() == FullSize::Verdict::lost) probe_size(best_->endpoint, *size, now);
    if (is_trusted(now)) doubt_best(now);
  }
  return true;
}

}  // namespace quoin::path
