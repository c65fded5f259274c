// The peers of a network map by id and by key, and what an edit did to them.
//
// An edit copies only the peers that it touches, so that a patch in a large network costs what it changes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/messages.h"

namespace quoin::control {

struct Peer {
  NodeId id = 0;
  std::string name;
  UserId user = 0;
  std::string login;  // of its user's profile; empty while that is not known
  crypto::NodePublicKey key;
  crypto::DiscoPublicKey disco_key;  // zero: not known yet, comes later
  std::vector<Prefix> addresses;     // its own
  std::vector<Prefix> allowed_ips;   // what it may send from, and what is sent to it
  std::vector<Endpoint> endpoints;   // as told; not yet guarded
  RegionId home_region = 0;
  std::vector<std::string> tags;
  Timestamp key_expiry;
  bool expired = false;  // as the server says; see also Netmap::is_expired
  bool jailed = false;
  bool wireguard_only = false;
  std::optional<bool> online;

  bool tagged() const { return !tags.empty(); }  // a node without a person
  bool operator==(const Peer&) const = default;
};

class PeerTable {
 public:
  struct Difference {  // ascending, each id in one list only; peers that are as before are in none
    std::vector<NodeId> added;
    std::vector<NodeId> changed;
    std::vector<NodeId> removed;
  };

  const std::map<NodeId, Peer>& peers() const { return peers_; }
  const Peer* find(NodeId id) const;
  const Peer* find(const crypto::NodePublicKey& key) const;

  void begin_edit() { before_.clear(); }
  void clear();
  void erase(NodeId id);
  // Adds or replaces. Another id with the same key goes: the server forgot to remove one, and told this one last.
  void put(Peer peer);
  Difference end_edit();

 private:
  void remember(NodeId id);

  std::map<NodeId, Peer> peers_;
  std::map<crypto::NodePublicKey, NodeId> ids_;
  std::map<NodeId, std::optional<Peer>> before_;  // of the peers that this edit touched
};

}  // namespace quoin::control
