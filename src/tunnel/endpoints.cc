#include "tunnel/endpoints.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace quoin::tunnel {

Endpoints::Verdict Endpoints::judge(const node::UdpRun& run, Instant now) {
  const auto found = entries_.find(run.to);
  if (found == entries_.end()) return judge_new(run, now);
  Entry& entry = found->second;
  if (run.origin == path::Origin::named) entry.origin = path::Origin::named;
  switch (entry.state) {
    case State::connected: entry.used = now; return Verdict::ready;
    case State::asked: hold(entry, run); return Verdict::waits;
    case State::refused: break;
  }
  if (now < entry.refused_until) return Verdict::no_way;
  entries_.erase(found);
  return judge_new(run, now);
}

Endpoints::Verdict Endpoints::judge_new(const node::UdpRun& run, Instant now) {
  if (run.origin == path::Origin::stranger) return Verdict::dropped;
  netstack::RateLimit& pace = run.origin == path::Origin::named ? named_ : sources_;
  if (!make_room(run.origin, now) || !pace.take(now)) return Verdict::no_way;
  Entry& entry = entries_.emplace(run.to, Entry{.origin = run.origin, .used = now}).first->second;
  hold(entry, run);
  return Verdict::wanted;
}

// Another's place is taken in this order: one that is refused, one known only as a source, any; of each the one that
// was used longest ago.
bool Endpoints::make_room(path::Origin wanted_for, Instant now) {
  const auto is_source = [](const auto& each) { return each.second.origin == path::Origin::source; };
  const bool for_source = wanted_for == path::Origin::source;
  const bool sources_full =
      for_source && std::ranges::count_if(entries_, is_source) >= static_cast<std::ptrdiff_t>(sources_max);
  if (!sources_full && entries_.size() < endpoints_max) return true;
  const auto rank = [&](const auto& each) {
    return std::tuple(each.second.state != State::refused, !is_source(each), each.second.used);
  };
  auto victim = entries_.end();
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    const Entry& entry = each->second;
    if (entry.state == State::asked || (for_source && !is_source(*each))) continue;
    if (entry.state == State::connected && now - entry.used < busy_for) continue;
    if (victim == entries_.end() || rank(*each) < rank(*victim)) victim = each;
  }
  if (victim == entries_.end()) return false;
  if (victim->second.state == State::connected) given_back_.push_back(victim->first);
  entries_.erase(victim);
  return true;
}

void Endpoints::hold(Entry& entry, const node::UdpRun& run) {
  for (std::size_t at = 0; at < run.segments.size(); at += run.segment_bytes) {
    const Bytes datagram = run.segments.subspan(at, std::min(run.segment_bytes, run.segments.size() - at));
    if (entry.held.size() >= held_datagrams_max || held_bytes_ + datagram.size() > held_bytes_max) return;
    held_bytes_ += datagram.size();
    entry.held.push_back(to_buffer(datagram));
  }
}

void Endpoints::drop_held(Entry& entry) {
  for (const Buffer& each : entry.held) held_bytes_ -= each.size();
  entry.held.clear();
}

void Endpoints::asked(const Endpoint& endpoint, pair::RequestId request) {
  requests_.emplace(request, endpoint);
}

std::optional<Endpoint> Endpoints::connected(pair::RequestId request, Instant now) {
  const auto asked = requests_.extract(request);
  if (!asked) return std::nullopt;
  const Endpoint& endpoint = asked.mapped();
  Entry& entry = entries_.at(endpoint);
  entry.state = State::connected;
  entry.used = now;
  for (Buffer& each : std::exchange(entry.held, {})) released_.push_back({endpoint, std::move(each)});
  look_at(now + idle_max);
  return endpoint;
}

std::optional<Endpoint> Endpoints::failed(pair::RequestId request, pair::Unanswered why, Instant now) {
  const auto asked = requests_.extract(request);
  if (!asked) return std::nullopt;
  Entry& entry = entries_.at(asked.mapped());
  drop_held(entry);
  entry.state = State::refused;
  entry.refused_until = now + (why == pair::Unanswered::not_allowed ? refused_for
                               : why == pair::Unanswered::too_many  ? too_many_for
                                                                    : no_way_for);
  look_at(entry.refused_until);
  return asked.mapped();
}

void Endpoints::note_heard(const Endpoint& from, Instant now) {
  const auto found = entries_.find(from);
  if (found != entries_.end()) found->second.used = now;
}

std::optional<node::UdpRun> Endpoints::poll_released() {
  while (!released_.empty()) {
    releasing_ = std::move(released_.front());
    released_.pop_front();
    held_bytes_ -= releasing_->datagram.size();
    const auto entry = entries_.find(releasing_->to);
    if (entry == entries_.end() || entry->second.state != State::connected) continue;
    return node::UdpRun{releasing_->to, releasing_->datagram, releasing_->datagram.size(), entry->second.origin};
  }
  return std::nullopt;
}

std::optional<Endpoint> Endpoints::poll_given_back() {
  if (given_back_.empty()) return std::nullopt;
  const Endpoint endpoint = given_back_.front();
  given_back_.pop_front();
  return endpoint;
}

std::vector<Endpoint> Endpoints::forget_connected() {
  std::vector<Endpoint> gone(given_back_.begin(), given_back_.end());
  given_back_.clear();
  std::erase_if(entries_, [&](const auto& each) {
    if (each.second.state == State::connected) gone.push_back(each.first);
    return each.second.state != State::asked;
  });
  return gone;
}

void Endpoints::clear() {
  entries_.clear();
  requests_.clear();
  released_.clear();
  given_back_.clear();
  held_bytes_ = 0;
  next_look_.reset();
}

void Endpoints::handle_timeout(Instant now) {
  if (!next_look_ || now < *next_look_) return;
  next_look_.reset();
  std::erase_if(entries_, [&](const auto& each) {
    const Entry& entry = each.second;
    if (entry.state == State::asked) return false;
    const bool is_connected = entry.state == State::connected;
    const Instant until = is_connected ? entry.used + idle_max : entry.refused_until;
    if (now < until) {
      look_at(until);
      return false;
    }
    if (is_connected) given_back_.push_back(each.first);
    return true;
  });
}

}  // namespace quoin::tunnel
