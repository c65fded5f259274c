// Questions to the kernel's routing tables (rtnetlink(7)), answered at once: the kernel replies before it returns.
#pragma once

#include <cerrno>
#include <functional>
#include <optional>
#include <vector>

#include "io/dial.h"
#include "io/host_view.h"
#include "io/neighbour.h"

namespace quoin::io {

class RouteNetlink {
 public:
  static Result<RouteNetlink, SystemError> open();

  // The code of a list that the kernel was changing while it was read, so that it may not be whole.
  static constexpr int changed_meanwhile = EINTR;

  Result<std::vector<InterfaceAddress>, SystemError> addresses();  // of every interface, in the kernel's order
  struct Routes {
    std::vector<IpAddress> gateways;
    // Networks that a route puts on a link, without a gateway. Not the wide ones (under /8, in IPv6 under /32), which
    // are a way to the world and no network of this host, and not addresses of carriers' NATs, which no guard lets
    // pass.
    std::vector<Prefix> on_link;
    std::vector<DefaultRoute> defaults;
  };
  Result<Routes, SystemError> routes();  // all of them, in the kernel's order

  struct Route {
    std::uint32_t interface = 0;
    bool direct = false;                   // no gateway in between
    bool own = false;                      // to this host
    std::optional<IpAddress> source = {};  // of ours, that packets there would have
    bool made_by_kernel = false;           // of an interface's address; asked for the route as it stands in its table
  };
  Result<Route, SystemError> route_to(const IpAddress& address, std::uint32_t interface = 0);  // 0: whichever it takes
  // The same for an address in the network of one of this host's interfaces: by that interface, whatever route (of a
  // VPN to a site with equal addresses) takes its packets elsewhere.
  Result<Route, SystemError> route_on_link(const IpAddress& address);

  enum class Confirmed { never, before, now, failed };
  struct Neighbour {
    Confirmed confirmed = Confirmed::never;
    std::optional<MacBytes> mac;
  };
  Result<Neighbour, SystemError> neighbour(std::uint32_t interface, const IpAddress& address);
  Result<void, SystemError> forget_neighbour(std::uint32_t interface, const IpAddress& address);  // CAP_NET_ADMIN

  // Sockets that become readable when something changed. `drain` empties one; what it said does not matter.
  static Result<Descriptor, SystemError> watch_addresses_and_routes();
  static Result<Descriptor, SystemError> watch_neighbours();
  static void drain(int watching);

 private:
  explicit RouteNetlink(Descriptor socket) : socket_(std::move(socket)) {}
  Result<Route, SystemError> ask_for_route(const IpAddress& address, std::uint32_t interface, std::uint32_t flags);
  // `each` gets every message of the answer, header included.
  Result<void, SystemError> ask(Bytes request, const std::function<void(Bytes)>& each);

  Descriptor socket_;
};

// The one that an address is on by itself, whatever route takes it elsewhere: what is bound to it goes nowhere else,
// later either. Nothing: it is on none.
std::optional<std::uint32_t> interface_on_link(const IpAddress& address);

}  // namespace quoin::io
