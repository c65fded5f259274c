#include "control/netmap.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/printable.h"

namespace quoin::control {
namespace {

template <class T>
std::vector<T> cut(const std::vector<T>& list, std::size_t most) {
  return {list.begin(), list.begin() + static_cast<std::ptrdiff_t>(std::min(list.size(), most))};
}

std::string cut(const std::string& text) {
  return text.substr(0, name_bytes_max);
}

bool is_region(RegionId id) {
  return id > 0 && id <= 65'535;
}

// HomeDERP, or the older spelling "127.3.3.40:<region>".
RegionId home_region(const Node& node) {
  if (node.home_derp != 0) return is_region(node.home_derp) ? node.home_derp : 0;
  constexpr std::string_view prefix = "127.3.3.40:";
  if (!node.legacy_derp.starts_with(prefix)) return 0;
  RegionId region = 0;
  const char* const end = node.legacy_derp.data() + node.legacy_derp.size();
  const auto [stop, error] = std::from_chars(node.legacy_derp.data() + prefix.size(), end, region);
  return error == std::errc{} && stop == end && is_region(region) ? region : 0;
}

Self self_of(const Node& node) {
  return {.id = node.id,
          .name = cut(node.name),
          .user = node.user,
          .key = node.key,
          .addresses = cut(node.addresses, addresses_max),
          .key_expiry = node.key_expiry,
          .expired = node.expired,
          .machine_authorized = node.machine_authorized,
          .home_region = home_region(node)};
}

Peer peer_of(const Node& node) {
  Peer peer{.id = node.id,
            .name = cut(node.name),
            .user = node.user,
            .login = {},  // filled in when all of the message has been applied
            .key = node.key,
            .disco_key = node.disco_key,
            .addresses = cut(node.addresses, addresses_max),
            .allowed_ips = cut(node.allowed_ips.value_or(node.addresses), allowed_ips_max),
            .endpoints = cut(node.endpoints, endpoints_max),
            .home_region = home_region(node),
            .tags = {},
            .key_expiry = node.key_expiry,
            .expired = node.expired,
            .jailed = node.is_jailed,
            .wireguard_only = node.is_wireguard_only,
            .online = node.online};
  // A peer that only its unsigned status admits may use its own addresses, nothing routed to it.
  if (node.unsigned_peer_api_only) peer.allowed_ips = peer.addresses;
  for (const std::string& tag : cut(node.tags, tags_max)) peer.tags.push_back(cut(tag));
  return peer;
}

void apply_patch(const PeerChange& change, Peer& peer) {
  if (is_region(change.derp_region)) peer.home_region = change.derp_region;
  if (change.endpoints) peer.endpoints = cut(*change.endpoints, endpoints_max);
  if (change.key) peer.key = *change.key;
  if (change.disco_key) peer.disco_key = *change.disco_key;
  if (change.online) peer.online = *change.online;
  if (change.key_expiry) peer.key_expiry = *change.key_expiry;
}

// The rules are kept as told, to be merged with later ones, so what they may hold is bounded here.
bool within_bounds(const std::map<std::string, FilterRules>& named) {
  if (named.size() > filters_max) return false;
  std::size_t entries = 0;
  const auto short_enough = [](const std::string& text) { return text.size() <= name_bytes_max; };
  for (const auto& [name, rules] : named) {
    if (!short_enough(name)) return false;
    for (const FilterRule& rule : rules) {
      entries += 1 + rule.src_ips.size() + rule.dst_ports.size() + rule.ip_proto.size() + rule.src_bits.size();
      if (entries > PacketFilter::entries_max || !std::ranges::all_of(rule.src_ips, short_enough) ||
          !std::ranges::all_of(rule.dst_ports, short_enough, &NetPortRange::ip)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

Result<NetmapChange, NetmapError> Netmap::apply(const MapResponse& message, Kind kind, Instant now) {
  if (kind == Kind::snapshot && !message.node) return failure(NetmapError::no_self);
  if (!fits(message, kind)) return failure(NetmapError::too_many_peers);

  NetmapChange change;
  if (message.node) {
    const Self next = self_of(*message.node);
    change.self = self_ != next;
    self_ = next;
  }
  peers_.begin_edit();
  if (kind == Kind::snapshot) {
    peers_.clear();
    logins_.clear();
  }
  apply_profiles(message);
  apply_peers(message);
  drop_ourselves();
  change.peers = peers_.end_edit();
  change.relays = message.derp_map && apply_relays(*message.derp_map);
  change.filter = apply_filters(message, kind);
  keepalive(message, now);
  return change;
}

bool Netmap::fits(const MapResponse& message, Kind kind) const {
  if (!message.peers.empty()) return message.peers.size() <= peers_max;
  const std::size_t known = kind == Kind::snapshot ? 0 : peers().size();
  const auto is_new = [&](const Node& node) { return kind == Kind::snapshot || !peers().contains(node.id); };
  return known + static_cast<std::size_t>(std::ranges::count_if(message.peers_changed, is_new)) <= peers_max;
}

// Profiles usually come with the first peer that needs them; if one comes later or changes, its peers change too.
void Netmap::apply_profiles(const MapResponse& message) {
  std::set<UserId> renamed;
  for (const UserProfile& profile : message.user_profiles) {
    if (logins_.size() >= users_max && !logins_.contains(profile.id)) continue;
    // Who somebody is decides over admission: a name that cannot be kept and shown as it is, is no name.
    const bool is_name = profile.login_name.size() <= name_bytes_max && is_printable(profile.login_name);
    const std::string& name = is_name ? profile.login_name : std::string{};
    std::string& login = logins_[profile.id];
    if (login == name) continue;
    login = name;
    renamed.insert(profile.id);
  }
  if (renamed.empty()) return;
  std::vector<Peer> touched;
  for (const auto& [id, peer] : peers()) {
    if (renamed.contains(peer.user)) touched.push_back(peer);
  }
  for (Peer& peer : touched) {
    peer.login = logins_[peer.user];
    peers_.put(std::move(peer));
  }
}

void Netmap::apply_peers(const MapResponse& message) {
  if (!message.peers.empty()) {
    peers_.clear();
    for (const Node& node : message.peers) put(node);
    return;
  }
  for (const NodeId id : message.peers_removed) peers_.erase(id);
  for (const Node& node : message.peers_changed) put(node);
  for (const auto& [id, online] : message.online_change) {
    PeerChange change;
    change.node_id = id;
    change.online = online;
    patch(change);
  }
  for (const PeerChange& change : message.peers_changed_patch) patch(change);
}

void Netmap::put(const Node& node) {
  const bool ourselves = self_ && (node.id == self_->id || node.key == self_->key);
  if (node.id <= 0 || node.key.is_zero() || ourselves) return;
  Peer peer = peer_of(node);
  if (const auto login = logins_.find(peer.user); login != logins_.end()) peer.login = login->second;
  peers_.put(std::move(peer));
}

// A message may tell us who we are after it listed us as somebody's peer.
void Netmap::drop_ourselves() {
  if (!self_) return;
  peers_.erase(self_->id);
  if (const Peer* same_key = peer(self_->key)) peers_.erase(same_key->id);
}

void Netmap::patch(const PeerChange& change) {
  const Peer* known = peer(change.node_id);
  const bool takes_our_key = change.key && self_ && *change.key == self_->key;
  if (known == nullptr || takes_our_key || (change.key && change.key->is_zero())) return;
  Peer next = *known;
  apply_patch(change, next);
  peers_.put(std::move(next));
}

bool Netmap::apply_relays(const DerpMap& map) {
  RelayMap next = relays_;
  if (map.home_params && map.home_params->region_score) {
    next.region_score.clear();
    for (const auto& [id, score] : *map.home_params->region_score) {
      if (is_region(id) && score > 0 && next.region_score.size() < regions_max) next.region_score[id] = score;
    }
  }
  if (map.regions) {
    next.regions.clear();
    for (const auto& [id, region] : *map.regions) {
      if (!region || !is_region(id) || next.regions.size() >= regions_max) continue;
      DerpRegion kept = *region;
      kept.region_id = id;
      kept.region_code = cut(kept.region_code);
      kept.region_name = cut(kept.region_name);
      kept.nodes = cut(kept.nodes, region_nodes_max);
      // A name too long to be one is no host.
      std::erase_if(kept.nodes, [](const DerpNode& node) {
        return node.host_name.empty() || node.host_name.size() > name_bytes_max ||
               node.cert_name.size() > name_bytes_max || node.ipv4.size() > name_bytes_max ||
               node.ipv6.size() > name_bytes_max || node.name.size() > name_bytes_max;
      });
      next.regions.emplace(id, std::move(kept));
    }
  }
  if (next == relays_) return false;
  relays_ = std::move(next);
  return true;
}

bool Netmap::apply_filters(const MapResponse& message, Kind kind) {
  // Never said in this stream means closed.
  auto next = kind == Kind::snapshot ? std::map<std::string, FilterRules>{} : filter_rules_;
  if (message.packet_filter) next["base"] = *message.packet_filter;
  if (message.packet_filters) {
    const auto& named = *message.packet_filters;
    if (const auto all = named.find("*"); all != named.end() && !all->second) next.clear();
    for (const auto& [name, rules] : named) {
      if (rules) {
        next[name] = *rules;
      } else {
        next.erase(name);
      }
    }
  }
  if (next == filter_rules_) return false;
  if (!within_bounds(next)) {
    filter_rules_.clear();
    filter_ = {};
    filter_refused_ = true;
    return true;
  }
  filter_rules_ = std::move(next);
  FilterRules all;
  for (const auto& [name, rules] : filter_rules_) all.insert(all.end(), rules.begin(), rules.end());
  const auto compiled = PacketFilter::compile(all);
  filter_refused_ = !compiled;
  filter_ = compiled.value_or(PacketFilter{});
  return true;
}

void Netmap::keepalive(const MapResponse& message, Instant now) {
  constexpr std::int64_t earliest_believed = 1'673'373'066;  // what tailscale's client ignores too (ipnlocal/expiry.go)
  if (!message.control_time || message.control_time->unix_seconds < earliest_believed) return;
  server_time_ = {*message.control_time, now};
}

std::optional<Instant> Netmap::expires_at(const Peer& peer, WallTime wall, Instant now) const {
  if (peer.expired) return now;
  if (peer.key_expiry.is_zero()) return std::nullopt;
  const auto until_expiry = [&](std::int64_t clock_seconds) {
    constexpr std::int64_t far = 100LL * 365 * 24 * 3600;
    return seconds(std::clamp(peer.key_expiry.unix_seconds - clock_seconds, -far, far));
  };
  const std::int64_t ours = std::chrono::floor<seconds>(wall.since_zero).count();
  const Instant at = now + until_expiry(ours) - (wall.since_zero - seconds(ours));
  return server_time_ ? std::min(at, server_time_->at + until_expiry(server_time_->time.unix_seconds)) : at;
}

}  // namespace quoin::control
