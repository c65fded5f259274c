// What path selection needs of the relay map: the regions, and where each answers STUN.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "path/place.h"

namespace quoin::path {

constexpr std::uint16_t stun_port_default = 3478;
constexpr std::size_t regions_max = 256;  // further ones are left out

struct StunServer {
  std::string host = {};                         // resolved outside, unless an address stands beside it
  std::optional<IpAddress> ipv4 = std::nullopt;  // instead of resolving
  std::optional<IpAddress> ipv6 = std::nullopt;
  std::uint16_t port = stun_port_default;
  bool operator==(const StunServer&) const = default;
};

struct Region {
  RegionId id = 0;
  bool never_home = false;                        // Avoid or NoMeasureNoHome in the map
  double score = 1;                               // latency is multiplied by it (RegionScore)
  std::optional<StunServer> stun = std::nullopt;  // of the region's first node that has one
};

using RelayMap = std::vector<Region>;

}  // namespace quoin::path
