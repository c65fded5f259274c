#include "path/stun_probes.h"

#include <algorithm>
#include <utility>

#include "path/endpoint_guard.h"

namespace quoin::path {
namespace {

bool has(const std::vector<RegionId>& regions, RegionId region) {
  return std::ranges::find(regions, region) != regions.end();
}

std::vector<Endpoint> literal_addresses(const StunServer& server) {
  std::vector<Endpoint> out;
  if (server.ipv4) out.push_back({.address = *server.ipv4, .port = server.port});
  if (server.ipv6) out.push_back({.address = *server.ipv6, .port = server.port});
  return out;
}

}  // namespace

void StunProbes::set_map(const RelayMap& map) {
  std::map<RegionId, Server> before = std::exchange(servers_, {});
  for (const Region& region : map) {
    if (!region.stun || region.id == 0 || servers_.size() >= regions_max) continue;
    const auto known = before.find(region.id);
    if (known != before.end() && known->second.server == *region.stun) {
      servers_.insert_or_assign(region.id, std::move(known->second));
      continue;
    }
    Server server{.server = *region.stun, .addresses = literal_addresses(*region.stun)};
    server.is_literal = !server.addresses.empty();
    servers_.insert_or_assign(region.id, std::move(server));
  }
  std::erase_if(questions_, [&](const Question& question) { return !servers_.contains(question.region); });
  report_.reset();
}

void StunProbes::set_families(bool ipv4, bool ipv6) {
  ipv4_ = ipv4;
  ipv6_ = ipv6;
  if (!own_.empty()) endpoints_changed_ = true;
  own_.clear();
  outstanding_.clear();
  report_.reset();
  last_answer_.reset();
}

void StunProbes::set_addresses(RegionId region, const std::vector<Endpoint>& addresses, Instant now) {
  const auto entry = servers_.find(region);
  if (entry == servers_.end() || entry->second.is_literal) return;
  Server& server = entry->second;
  server.is_asked = false;
  server.silent_reports = 0;
  server.addresses.clear();
  for (const Endpoint& address : addresses) {  // the first of each family
    const bool has_family = std::ranges::any_of(
        server.addresses, [&](const Endpoint& other) { return other.address.version() == address.address.version(); });
    if (!has_family) server.addresses.push_back(address);
  }
  if (!report_ && !server.addresses.empty()) want_report(now);
  if (!report_ || !has(report_->regions, region)) return;
  std::erase_if(report_->targets, [&](const Target& target) { return target.region == region; });
  add_targets(region, now);
  if (is_complete()) end_report(now);
}

void StunProbes::want_report(Instant now) {
  if (report_) return;
  const Instant earliest = last_started_ ? std::max(now, *last_started_ + stun_report_interval_min) : now;
  due_at_ = due_at_ ? std::min(*due_at_, earliest) : earliest;
}

void StunProbes::note_traffic(Instant now) {
  last_traffic_ = now;
  if (!report_ && !due_at_) schedule_next(now);
}

void StunProbes::schedule_next(Instant now) {
  if (!last_traffic_ || now - *last_traffic_ >= session_active) return;
  const Duration spread = nanoseconds(
      static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(Duration(stun_period_spread).count()))));
  const Instant next = last_started_ ? *last_started_ + stun_period_min + spread : now;
  due_at_ = std::max(now, next);
}

void StunProbes::start_report(std::span<const RegionId> preferred, Instant now) {
  due_at_.reset();
  if (!has_any_family() || servers_.empty()) return;  // whoever brings what is missing wants a report, too
  last_started_ = now;
  std::erase_if(outstanding_, [&](const Outstanding& each) { return now - each.at >= stun_timeout; });

  Report& report = report_.emplace();
  report.ends_at = now + stun_timeout;
  for (const RegionId region : preferred) {
    if (report.regions.size() + 1 >= regions_per_report) break;  // one place is left for the others' turn
    if (servers_.contains(region) && !has(report.regions, region)) report.regions.push_back(region);
  }
  auto next = servers_.upper_bound(turn_);
  for (std::size_t i = 0; i < servers_.size() && report.regions.size() < regions_per_report; i++) {
    if (next == servers_.end()) next = servers_.begin();
    if (!has(report.regions, next->first)) {
      report.regions.push_back(next->first);
      turn_ = next->first;
    }
    ++next;
  }

  for (const RegionId region : report.regions) {
    Server& server = servers_.at(region);
    if (server.addresses.empty() && !server.is_asked) {
      server.is_asked = true;
      questions_.push_back({.region = region, .host = server.server.host, .port = server.server.port});
    }
    add_targets(region, now);
  }
  if (is_complete()) end_report(now);
}

void StunProbes::add_targets(RegionId region, Instant now) {
  for (const Endpoint& address : servers_.at(region).addresses) {
    if (address.address.is_v4() ? !ipv4_ : !ipv6_) continue;
    report_->targets.push_back({.region = region, .endpoint = address, .next_try = now});
  }
}

bool StunProbes::is_complete() const {
  const bool waits_for_name =
      std::ranges::any_of(report_->regions, [&](RegionId region) { return servers_.at(region).is_asked; });
  return !waits_for_name && std::ranges::all_of(report_->targets, &Target::is_answered);
}

void StunProbes::end_report(Instant now) {
  const Report report = *std::exchange(report_, std::nullopt);
  for (const RegionId region : report.regions) {
    Server& server = servers_.at(region);
    const auto answered = [&](const Target& target) { return target.region == region && target.is_answered; };
    if (std::ranges::any_of(report.targets, answered)) {
      server.silent_reports = 0;
    } else if (!server.is_literal && ++server.silent_reports >= silent_reports_before_resolving_anew) {
      server.addresses.clear();
      server.silent_reports = 0;
    }
  }
  const auto expired =
      std::erase_if(own_, [&](const OwnEndpoint& own) { return now - own.seen > own_endpoint_lifetime; });
  if (expired > 0) endpoints_changed_ = true;
  report_done_ = true;
  schedule_next(now);
}

std::optional<StunProbes::Answer> StunProbes::handle(Bytes datagram, Instant now) {
  const auto response = stun::parse_response(datagram);
  if (!response) return std::nullopt;
  const auto probe = std::ranges::find_if(
      outstanding_, [&](const Outstanding& each) { return each.transaction == response->transaction; });
  if (probe == outstanding_.end() || now - probe->at >= stun_timeout) return std::nullopt;
  const Outstanding answered = *probe;
  std::erase_if(outstanding_,
                [&](const Outstanding& each) { return each.region == answered.region && each.to == answered.to; });
  learn(response->mapped, now);
  if (report_) {
    for (Target& target : report_->targets) {
      if (target.region == answered.region && target.endpoint == answered.to) target.is_answered = true;
    }
    if (is_complete()) end_report(now);
  }
  return Answer{.region = answered.region, .latency = now - answered.at};
}

// What a server on the customer's own network tells is no endpoint that others could use, and none of their business.
void StunProbes::learn(const Endpoint& endpoint, Instant now) {
  if (endpoint.port == 0 || not_public(endpoint.address)) return;
  last_answer_ = now;
  const auto known = std::ranges::find(own_, endpoint, &OwnEndpoint::endpoint);
  if (known != own_.end()) {
    known->seen = now;
    return;
  }
  if (own_.size() == own_endpoints_max) own_.erase(std::ranges::min_element(own_, {}, &OwnEndpoint::seen));
  own_.insert(own_.begin(), {.endpoint = endpoint, .seen = now});
  endpoints_changed_ = true;
}

std::optional<StunProbes::Question> StunProbes::poll_question() {
  if (questions_.empty()) return std::nullopt;
  Question question = std::move(questions_.front());
  questions_.pop_front();
  return question;
}

std::optional<StunProbes::Probe> StunProbes::poll_probe(Instant now) {
  if (!report_) return std::nullopt;
  for (Target& target : report_->targets) {
    if (target.is_answered || target.tries >= stun_tries || now < target.next_try) continue;
    if (outstanding_.size() >= probes_outstanding_max) outstanding_.erase(outstanding_.begin());
    target.tries++;
    target.next_try = now + stun_retransmit_interval;
    const auto transaction = random_.array<12>();
    outstanding_.push_back({.transaction = transaction, .region = target.region, .to = target.endpoint, .at = now});
    return Probe{.to = target.endpoint, .datagram = to_buffer(stun::request(transaction))};
  }
  return std::nullopt;
}

bool StunProbes::poll_report_done() {
  return std::exchange(report_done_, false);
}

bool StunProbes::poll_endpoints_changed() {
  return std::exchange(endpoints_changed_, false);
}

std::vector<Endpoint> StunProbes::own_endpoints() const {
  std::vector<Endpoint> out;
  for (const OwnEndpoint& own : own_) out.push_back(own.endpoint);
  return out;
}

std::optional<Instant> StunProbes::next_timeout() const {
  if (!has_any_family()) return std::nullopt;
  if (!report_) return due_at_;
  Instant next = report_->ends_at;
  for (const Target& target : report_->targets) {
    if (!target.is_answered && target.tries < stun_tries) next = std::min(next, target.next_try);
  }
  return next;
}

void StunProbes::handle_timeout(Instant now) {
  if (report_ && now >= report_->ends_at) end_report(now);
}

}  // namespace quoin::path
