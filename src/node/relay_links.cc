#include "node/relay_links.h"

#include <algorithm>

namespace quoin::node {
namespace {

Duration retry_pause(std::uint32_t attempts, Random& random) {
  const std::uint64_t n = std::min<std::uint64_t>(attempts, 100);
  const Duration pause = milliseconds(10) * static_cast<std::int64_t>(n * n);
  // Times 0.5 to 1.5, so that the clients of a relay that comes back do not come all at once.
  const Duration spread = pause / 1000 * static_cast<std::int64_t>(500 + random.below(1000));
  return std::min(spread, RelayLinks::retry_pause_max);
}

std::string why(derp::ClientError error) {
  switch (error) {
    case derp::ClientError::not_a_relay: return "what answered is not a DERP relay";
    case derp::ClientError::login_refused: return "the relay did not accept the login";
    case derp::ClientError::frame: return "the relay sent a malformed frame";
    case derp::ClientError::silent: return "the relay fell silent";
  }
  return {};
}

std::optional<IpAddress> literal(const std::string& text) {
  return text.empty() || text == "none" ? std::nullopt : IpAddress::parse(text);
}

}  // namespace

RelayLinks::RelayLinks(crypto::NodePrivateKey key, Outbox& outbox, Random& random)
    : key_(std::move(key)), outbox_(outbox), random_(random) {}

void RelayLinks::set_map(const control::RelayMap& map) {
  map_ = map;
}

std::string RelayLinks::region_code(path::RegionId region) const {
  const auto found = map_.regions.find(region);
  return found == map_.regions.end() ? std::string() : found->second.region_code;
}

void RelayLinks::need(path::RegionId region, Instant now) {
  auto [entry, is_new] = links_.try_emplace(region);
  if (is_new) connect(region, entry->second, now);
}

void RelayLinks::drop(path::RegionId region) {
  const auto found = links_.find(region);
  if (found == links_.end()) return;
  if (found->second.stream != 0) outbox_.tell(DropStream{found->second.stream});
  if (draining_ == region) draining_.reset();
  if (found->second.client) ended_.push_back(std::move(found->second.client));
  links_.erase(found);
}

void RelayLinks::drop_all() {
  while (!links_.empty()) drop(links_.begin()->first);
}

void RelayLinks::set_home(path::RegionId region) {
  if (home_ == region) return;
  if (home_) {
    if (const auto old = links_.find(*home_); old != links_.end() && old->second.client)
      old->second.client->note_preferred(false);
  }
  home_ = region;
  if (const auto link = links_.find(region); link != links_.end() && link->second.client)
    link->second.client->note_preferred(true);
}

void RelayLinks::connect(path::RegionId region, Link& link, Instant now) {
  std::vector<const control::DerpNode*> nodes;
  if (const auto found = map_.regions.find(region); found != map_.regions.end()) {
    for (const auto& node : found->second.nodes) {
      if (!node.stun_only) nodes.push_back(&node);
    }
  }
  link.attempts++;
  if (nodes.empty()) {
    link.retry_at = now + retry_pause(link.attempts, random_);
    return;
  }
  const control::DerpNode& node = *nodes[(link.attempts - 1) % nodes.size()];
  link.stream = outbox_.name_stream();
  link.is_open = link.is_up = false;
  link.retry_at.reset();
  link.opening_since = now;
  link.client = std::make_unique<derp::Client>(key_.copy(), random_, now);
  if (home_ == region) link.client->note_preferred(true);
  outbox_.tell(WantStream{link.stream, RelayStream{region, node.host_name, literal(node.ipv4), literal(node.ipv6),
                                                   node.derp_port == 0 ? std::uint16_t{443} : node.derp_port}});
}

void RelayLinks::lost(path::RegionId region, Link& link, Instant now) {
  if (link.is_up) events_.push_back({region, Down{region}});
  if (link.is_up && now - link.up_since >= steady_after) link.attempts = 0;
  if (draining_ == region) draining_.reset();
  link.stream = 0;
  link.is_open = link.is_up = false;
  ended_.push_back(std::move(link.client));
  link.retry_at = now + retry_pause(link.attempts, random_);
}

std::pair<const path::RegionId, RelayLinks::Link>* RelayLinks::find(StreamId stream) {
  for (auto& entry : links_) {
    if (entry.second.stream == stream && stream != 0) return &entry;
  }
  return nullptr;
}

bool RelayLinks::owns(StreamId stream) const {
  return stream != 0 && std::ranges::any_of(links_, [&](const auto& entry) { return entry.second.stream == stream; });
}

void RelayLinks::opened(StreamId stream, Instant now) {
  if (auto* entry = find(stream)) {
    entry->second.is_open = true;
    entry->second.client->stream_opened(now);
  }
}

void RelayLinks::failed(StreamId stream, const StreamFailure& failure, Instant now) {
  auto* entry = find(stream);
  if (!entry) return;
  if (failure.trouble != StreamTrouble::ended) {
    const bool certificate = failure.trouble == StreamTrouble::certificate;
    outbox_.problem(certificate ? ProblemKind::relay_certificate : ProblemKind::relay_unreachable, failure.text);
  }
  lost(entry->first, entry->second, now);
}

MutableBytes RelayLinks::space(StreamId stream) {
  auto* entry = find(stream);
  return entry && entry->second.client ? entry->second.client->receive_space() : MutableBytes{};
}

void RelayLinks::received(StreamId stream, std::size_t bytes, Instant now) {
  auto* entry = find(stream);
  ended_.clear();
  if (!entry || !entry->second.client) return;
  entry->second.client->handle_received(bytes, now);
  draining_ = entry->first;
  draining_at_ = now;
}

std::optional<RelayedDatagram> RelayLinks::poll_datagram() {
  if (!draining_) return std::nullopt;
  const path::RegionId region = *draining_;
  Link& link = links_.at(region);
  while (link.client) {
    auto event = link.client->poll_event();
    if (!event) break;
    if (auto* packet = std::get_if<derp::Received>(&*event))
      return RelayedDatagram{region, packet->source, packet->packet};
    handle(region, link, *event, draining_at_);
  }
  draining_.reset();
  return std::nullopt;
}

void RelayLinks::handle(path::RegionId region, Link& link, const derp::ClientEvent& event, Instant now) {
  if (std::holds_alternative<derp::LoggedIn>(event)) {
    link.is_up = true;
    link.up_since = now;
    outbox_.solved(ProblemKind::relay_unreachable);
    outbox_.solved(ProblemKind::relay_certificate);
    events_.push_back({region, Up{region}});
  } else if (const auto* gone = std::get_if<derp::PeerGone>(&event)) {
    events_.push_back({region, *gone});
  } else if (const auto* failed = std::get_if<derp::Failed>(&event)) {
    outbox_.problem(ProblemKind::relay_unreachable, "relay " + region_code(region) + ": " + why(failed->why));
    outbox_.tell(DropStream{link.stream});
    lost(region, link, now);
  }
}

std::optional<RelayLinks::RegionEvent> RelayLinks::poll_event() {
  if (events_taken_ == events_.size()) {
    events_.clear();
    events_taken_ = 0;
    return std::nullopt;
  }
  return events_[events_taken_++];
}

Bytes RelayLinks::output(StreamId stream) {
  auto* entry = find(stream);
  return entry && entry->second.is_open ? entry->second.client->output() : Bytes{};
}

void RelayLinks::sent(StreamId stream, std::size_t bytes) {
  auto* entry = find(stream);
  if (entry && entry->second.client) entry->second.client->sent(bytes);
}

void RelayLinks::send(path::RegionId region, const crypto::NodePublicKey& to, Bytes segments, std::size_t segment_bytes,
                      Instant now) {
  const auto found = links_.find(region);
  if (found != links_.end() && found->second.client)
    found->second.client->send_packets(to, segments, segment_bytes, now);
}

bool RelayLinks::is_up(path::RegionId region) const {
  const auto found = links_.find(region);
  return found != links_.end() && found->second.is_up;
}

std::size_t RelayLinks::waiting_bytes() const {
  std::size_t most = 0;
  for (const auto& [region, link] : links_) {
    if (link.is_up) most = std::max(most, link.client->waiting_bytes());
  }
  return most;
}

std::vector<StreamId> RelayLinks::with_output() {
  std::vector<StreamId> streams;
  for (auto& [region, link] : links_) {
    if (link.is_open && !link.client->output().empty()) streams.push_back(link.stream);
  }
  return streams;
}

void RelayLinks::check(Instant now) {
  for (auto& [region, link] : links_) {
    if (link.is_up) link.client->ping(now);
  }
}

void RelayLinks::handle_timeout(Instant now) {
  ended_.clear();
  for (auto& [region, link] : links_) {
    if (link.retry_at && now >= *link.retry_at) connect(region, link, now);
    if (link.stream != 0 && !link.is_open && now >= link.opening_since + open_time_max) {
      outbox_.tell(DropStream{link.stream});
      outbox_.problem(ProblemKind::relay_unreachable, "relay " + region_code(region) + ": no connection within 10 s");
      lost(region, link, now);
    }
    if (!link.is_open) continue;
    link.client->handle_timeout(now);
    while (link.client) {  // a timeout brings no packets
      const auto event = link.client->poll_event();
      if (!event) break;
      handle(region, link, *event, now);
    }
  }
}

std::optional<Instant> RelayLinks::poll_timeout() const {
  std::optional<Instant> next;
  const auto sooner = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const auto& [region, link] : links_) {
    sooner(link.retry_at);
    if (link.stream != 0 && !link.is_open) sooner(link.opening_since + open_time_max);
    if (link.is_open) sooner(link.client->poll_timeout());
  }
  return next;
}

}  // namespace quoin::node
