// The network map as it stands: self, peers, relays, filter, built from a stream of MapResponses.
//
// The first message of a stream that is no keepalive is a snapshot, and must say who we are; what it leaves out is
// empty. Each later one is a change, applied in the order that tailscale's client uses (controlclient/map.go): Peers
// replaces all; otherwise removals, whole nodes, online states, patches. Peers are known by their id. A patch or state
// for an id that is not there is nothing, so that what was removed stays removed; one for ourselves is nothing either
// (headscale sends them), and neither is our own node in a list of peers. LastSeen is for display and not kept.
//
// Everything is bounded. A message with too many peers is refused as a whole; longer lists inside a peer are cut.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "control/messages.h"
#include "control/packet_filter.h"
#include "control/peer_table.h"

namespace quoin::control {

constexpr std::size_t peers_max = 4096;
constexpr std::size_t users_max = 4096;
constexpr std::size_t regions_max = 256;
constexpr std::size_t region_nodes_max = 16;
constexpr std::size_t addresses_max = 8;      // of one node
constexpr std::size_t allowed_ips_max = 256;  // of one node
constexpr std::size_t endpoints_max = 32;     // of one node
constexpr std::size_t tags_max = 32;          // of one node
constexpr std::size_t name_bytes_max = 255;   // of any name or tag
constexpr std::size_t filters_max = 64;       // named rule lists; their entries: PacketFilter::entries_max

struct Self {
  NodeId id = 0;
  std::string name;
  UserId user = 0;
  crypto::NodePublicKey key;  // as the server believes; the one we registered counts
  std::vector<Prefix> addresses;
  Timestamp key_expiry;
  bool expired = false;
  bool machine_authorized = false;
  RegionId home_region = 0;
  bool operator==(const Self&) const = default;
};

struct RelayMap {
  std::map<RegionId, DerpRegion> regions;
  std::map<RegionId, double> region_score;
  bool operator==(const RelayMap&) const = default;
};

struct NetmapChange {
  bool self = false;
  bool relays = false;
  bool filter = false;
  PeerTable::Difference peers;  // the key of a changed one may be another now
  bool empty() const {
    return !self && !relays && !filter && peers.added.empty() && peers.changed.empty() && peers.removed.empty();
  }
};

enum class NetmapError {
  no_self,         // a snapshot that does not say who we are
  too_many_peers,  // more than peers_max
};

class Netmap {
 public:
  enum class Kind { snapshot, change };

  // A refused message changes nothing.
  Result<NetmapChange, NetmapError> apply(const MapResponse& message, Kind kind, Instant now);
  void keepalive(const MapResponse& message, Instant now);  // counts for the server's time only

  const std::optional<Self>& self() const { return self_; }
  const std::map<NodeId, Peer>& peers() const { return peers_.peers(); }
  const Peer* peer(NodeId id) const { return peers_.find(id); }
  const Peer* peer(const crypto::NodePublicKey& key) const { return peers_.find(key); }
  const RelayMap& relays() const { return relays_; }
  const PacketFilter& filter() const { return filter_; }
  bool filter_refused() const { return filter_refused_; }  // the rules could not be read: nothing passes

  // By the server's clock, which serves for nothing else, or by ours, whichever comes first: what a server says of the
  // time, or does not say, prolongs nothing. Not in the future: it has expired. Nothing: it never does.
  std::optional<Instant> expires_at(const Peer& peer, WallTime wall, Instant now) const;

 private:
  struct ServerTime {
    Timestamp time;
    Instant at;
  };

  bool fits(const MapResponse& message, Kind kind) const;
  void apply_profiles(const MapResponse& message);
  void apply_peers(const MapResponse& message);
  void put(const Node& node);
  void drop_ourselves();
  void patch(const PeerChange& change);
  bool apply_relays(const DerpMap& map);
  bool apply_filters(const MapResponse& message, Kind kind);

  std::optional<Self> self_;
  PeerTable peers_;
  std::map<UserId, std::string> logins_;
  RelayMap relays_;
  std::map<std::string, FilterRules> filter_rules_;
  PacketFilter filter_;
  bool filter_refused_ = false;
  std::optional<ServerTime> server_time_;
};

}  // namespace quoin::control
