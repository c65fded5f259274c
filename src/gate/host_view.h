// What the edge tells the gate about the host it runs on. Made anew whenever an interface, a route or the resolver's
// configuration changes.
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.h"

namespace quoin::gate {

struct InterfaceAddress {
  IpAddress address;
  int prefix_length;  // in range for the address
  bool operator==(const InterfaceAddress&) const = default;
};

struct DefaultRoute {
  std::uint32_t interface = 0;
  std::uint32_t metric = 0;
  std::vector<IpAddress> gateways = {};
  bool operator==(const DefaultRoute&) const = default;
};

struct HostView {
  std::vector<InterfaceAddress> interfaces;  // of every interface, loopback included
  std::vector<Prefix> networks = {};         // on a link without an address of ours: by a route, or a link's other end
  std::vector<IpAddress> gateways;           // of every route
  std::vector<IpAddress> dns_servers;
  std::vector<DefaultRoute> default_routes = {};  // a connected socket keeps the address that it had by an earlier one

  // The networks of all interfaces and links, without those that lie inside another one.
  std::vector<Prefix> prefixes() const;
  bool operator==(const HostView&) const = default;
};

}  // namespace quoin::gate
