// Cryptokey routing (WireGuard paper, section 2): which peer an inner address belongs to.
//
// A prefix belongs to one peer, the longest that matches decides, and a packet is taken only from the peer that its
// source address belongs to. So a host address given to one peer cannot be used by another that has the network.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/address.h"
#include "wireguard/ids.h"

namespace quoin::wireguard {

class AllowedIps {
 public:
  static constexpr std::size_t prefixes_per_peer_max = 1024;  // more are ignored

  // Replaces what the peer had. A prefix that another peer had moves to this one.
  void assign(PeerId peer, const std::vector<Prefix>& prefixes);
  void remove(PeerId peer);
  std::optional<PeerId> find(const IpAddress& address) const;

 private:
  struct PerVersion {
    std::map<Prefix, PeerId> peers;
    std::map<int, std::size_t, std::greater<>> lengths;  // how many prefixes of each length, longest first
  };
  PerVersion& of(const IpAddress& address) { return versions_[address.is_v4() ? 0 : 1]; }
  const PerVersion& of(const IpAddress& address) const { return versions_[address.is_v4() ? 0 : 1]; }

  std::array<PerVersion, 2> versions_;
  std::map<PeerId, std::vector<Prefix>> assigned_;
};

}  // namespace quoin::wireguard
