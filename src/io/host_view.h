// What this host says about its own place in the network: what the dial guard and the endpoint guard must know
// (rtnetlink(7), resolv.conf(5)).
#pragma once

#include <string_view>
#include <vector>

#include "base/address.h"
#include "io/file_watch.h"
#include "io/readiness.h"
#include "io/system_error.h"

namespace quoin::io {

struct InterfaceAddress {
  std::uint32_t interface;  // its index
  IpAddress address;
  Prefix prefix;  // the link's; a peer-to-peer link's is that of the other end
  auto operator<=>(const InterfaceAddress&) const = default;
};

struct DefaultRoute {
  std::uint32_t interface = 0;  // none: several
  std::uint32_t metric = 0;
  std::vector<IpAddress> gateways;
  auto operator<=>(const DefaultRoute&) const = default;
};

struct HostView {
  std::vector<InterfaceAddress> addresses;   // of every interface, loopback too; sorted
  std::vector<Prefix> networks;              // on a link by a route, or the other end of one; sorted
  std::vector<IpAddress> gateways;           // of every route; sorted
  std::vector<DefaultRoute> default_routes;  // sorted
  std::vector<IpAddress> dns_servers;        // of the system resolver; sorted
  bool operator==(const HostView&) const = default;
};

Result<HostView, SystemError> read_host_view();

// Calls back after addresses, routes or the resolver's configuration changed, at least once, perhaps for several
// changes.
class HostChanges {
 public:
  static Result<std::unique_ptr<HostChanges>, SystemError> watch(Loop& loop, Callback changed);

 private:
  HostChanges(Loop& loop, Descriptor netlink, std::shared_ptr<Callback> changed, std::unique_ptr<FileWatch> resolver);
  void wait();

  Readiness netlink_;
  std::shared_ptr<Callback> changed_;
  std::unique_ptr<FileWatch> resolver_;
};

}  // namespace quoin::io
