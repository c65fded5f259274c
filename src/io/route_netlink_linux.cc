#include <array>
#include <cerrno>
#include <cstring>

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "io/route_netlink.h"

namespace quoin::io {

namespace {

constexpr std::size_t answer_bytes_max = 64 * 1024;  // of one read; the kernel sends at most 32 KiB at once

std::uint8_t family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

// A message: header, the fixed part of its type, then attributes.
template <class Fixed>
class Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags, const Fixed& fixed) {
    header_.nlmsg_type = type;
    header_.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    std::memcpy(bytes_.data() + NLMSG_HDRLEN, &fixed, sizeof fixed);
  }
  void add(std::uint16_t type, Bytes value) {
    rtattr attribute{static_cast<std::uint16_t>(RTA_LENGTH(value.size())), type};
    std::memcpy(bytes_.data() + used_, &attribute, sizeof attribute);
    std::memcpy(bytes_.data() + used_ + RTA_LENGTH(0), value.data(), value.size());
    used_ += RTA_SPACE(value.size());
  }
  Bytes bytes() {
    header_.nlmsg_len = static_cast<std::uint32_t>(used_);
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    return Bytes(bytes_).first(used_);
  }

 private:
  nlmsghdr header_{};
  std::size_t used_ = NLMSG_SPACE(sizeof(Fixed));
  std::array<std::byte, 256> bytes_{};
};

// Calls `each` with the type and value of every attribute in `bytes`.
void each_attribute(Bytes bytes, const std::function<void(std::uint16_t, Bytes)>& each) {
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > bytes.size()) return;
    each(attribute.rta_type & NLA_TYPE_MASK, bytes.subspan(RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0)));
    bytes = bytes.subspan(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), bytes.size()));
  }
}

// News of the neighbour table come as fast as hosts of the LAN make them; the rest waits for the next turn.
constexpr int drained_per_turn = 1024;

// The fixed part of a message of ours, and its attributes; nothing if it is of another type or too short.
template <class Fixed>
std::optional<Fixed> fixed_part(Bytes message, std::uint16_t type, Bytes& attributes) {
  nlmsghdr header;
  std::memcpy(&header, message.data(), sizeof header);
  if (header.nlmsg_type != type || message.size() < NLMSG_SPACE(sizeof(Fixed))) return std::nullopt;
  Fixed fixed;
  std::memcpy(&fixed, message.data() + NLMSG_HDRLEN, sizeof fixed);
  attributes = message.subspan(NLMSG_SPACE(sizeof(Fixed)));
  return fixed;
}

std::uint32_t number_in(Bytes value) {
  std::uint32_t number = 0;
  if (value.size() == sizeof number) std::memcpy(&number, value.data(), sizeof number);
  return number;
}

// RTA_GATEWAY has an address, RTA_VIA its family before it, RTA_MULTIPATH a list of next hops with either.
void collect_gateways(Bytes attributes, std::vector<IpAddress>& gateways) {
  each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
    if (type == RTA_VIA && value.size() > sizeof(rtvia)) value = value.subspan(sizeof(rtvia));
    if (type == RTA_GATEWAY || type == RTA_VIA) {
      if (const auto gateway = IpAddress::from_bytes(value)) gateways.push_back(*gateway);
    }
    if (type != RTA_MULTIPATH) return;
    while (value.size() >= sizeof(rtnexthop)) {
      rtnexthop hop;
      std::memcpy(&hop, value.data(), sizeof hop);
      if (hop.rtnh_len < sizeof hop || hop.rtnh_len > value.size()) return;
      collect_gateways(value.subspan(sizeof hop, hop.rtnh_len - sizeof hop), gateways);
      value = value.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), value.size()));
    }
  });
}

RouteNetlink::Neighbour neighbour_of(std::uint16_t state, std::optional<MacBytes> mac) {
  using enum RouteNetlink::Confirmed;
  if ((state & (NUD_REACHABLE | NUD_PERMANENT)) != 0 && mac) return {now, mac};
  if ((state & (NUD_STALE | NUD_DELAY | NUD_PROBE)) != 0 && mac) return {before, mac};
  if ((state & NUD_FAILED) != 0) return {failed, std::nullopt};
  return {never, std::nullopt};
}

Result<Descriptor, SystemError> open_netlink(std::uint32_t groups) {
  Descriptor made(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups != 0 ? SOCK_NONBLOCK : 0), NETLINK_ROUTE));
  if (!made) return system_failure("open a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_failure("bind a netlink socket");
  }
  return made;
}

}  // namespace

Result<RouteNetlink, SystemError> RouteNetlink::open() {
  return RouteNetlink(TRY(open_netlink(0)));
}

Result<Descriptor, SystemError> RouteNetlink::watch_addresses_and_routes() {
  return open_netlink(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
}

Result<Descriptor, SystemError> RouteNetlink::watch_neighbours() {
  return open_netlink(RTMGRP_NEIGH);
}

void RouteNetlink::drain(int watching) {
  std::array<std::byte, 4096> space;
  for (int message = 0; message < drained_per_turn; message++) {
    const bool more =
        recv(watching, space.data(), space.size(), MSG_DONTWAIT) >= 0 || errno == EINTR || errno == ENOBUFS;
    if (!more) return;
  }
}

Result<void, SystemError> RouteNetlink::ask(Bytes request, const std::function<void(Bytes)>& each) {
  if (send(socket_.number(), request.data(), request.size(), 0) < 0) return system_failure("ask the kernel");
  Buffer space(answer_bytes_max);
  nlmsghdr asked;
  std::memcpy(&asked, request.data(), sizeof asked);
  bool is_whole = true;
  for (;;) {
    const ssize_t length = recv(socket_.number(), space.data(), space.size(), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return system_failure("hear the kernel's answer");
    Bytes rest = Bytes(space).first(static_cast<std::size_t>(length));
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header;
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) break;
      const Bytes message = rest.first(header.nlmsg_len);
      is_whole = is_whole && (header.nlmsg_flags & NLM_F_DUMP_INTR) == 0;
      if (header.nlmsg_type == NLMSG_DONE && !is_whole) {
        return std::unexpected(SystemError{"ask the kernel", changed_meanwhile});
      }
      if (header.nlmsg_type == NLMSG_DONE) return {};
      if (header.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr error{};
        std::memcpy(&error, message.data() + NLMSG_HDRLEN, std::min(sizeof error, message.size() - NLMSG_HDRLEN));
        if (error.error == 0) return {};
        return std::unexpected(SystemError{"ask the kernel", -error.error});
      }
      each(message);
      if ((asked.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) return {};
      rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
    }
  }
}

Result<std::vector<InterfaceAddress>, SystemError> RouteNetlink::addresses() {
  std::vector<InterfaceAddress> found;
  Request request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  TRY(ask(request.bytes(), [&](Bytes message) {
    Bytes attributes;
    const auto fixed = fixed_part<ifaddrmsg>(message, RTM_NEWADDR, attributes);
    if (!fixed) return;
    std::optional<IpAddress> local, link;  // they differ on a link between two ends: `link` is the other one
    each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
      if (type == IFA_LOCAL) local = IpAddress::from_bytes(value);
      if (type == IFA_ADDRESS) link = IpAddress::from_bytes(value);
    });
    if (!link) link = local;
    if (!link) return;
    found.push_back({fixed->ifa_index, local.value_or(*link), Prefix::containing(*link, fixed->ifa_prefixlen)});
  }));
  return found;
}

Result<RouteNetlink::Routes, SystemError> RouteNetlink::routes() {
  Routes found;
  Request request(RTM_GETROUTE, NLM_F_DUMP, rtmsg{});
  TRY(ask(request.bytes(), [&](Bytes message) {
    Bytes attributes;
    const auto fixed = fixed_part<rtmsg>(message, RTM_NEWROUTE, attributes);
    if (!fixed) return;
    const std::size_t gateways_before = found.gateways.size();
    collect_gateways(attributes, found.gateways);
    if (fixed->rtm_type != RTN_UNICAST) return;
    if (fixed->rtm_dst_len == 0) {
      DefaultRoute& route = found.defaults.emplace_back();
      route.gateways.assign(found.gateways.begin() + static_cast<std::ptrdiff_t>(gateways_before),
                            found.gateways.end());
      each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
        if (type == RTA_OIF) route.interface = number_in(value);
        if (type == RTA_PRIORITY) route.metric = number_in(value);
      });
    }
    if (found.gateways.size() > gateways_before) return;
    each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
      const auto network = type == RTA_DST ? IpAddress::from_bytes(value) : std::nullopt;
      if (!network || is_overlay(*network) || fixed->rtm_dst_len < (network->is_v4() ? 8 : 32)) return;
      found.on_link.push_back(Prefix::containing(*network, fixed->rtm_dst_len));
    });
  }));
  return found;
}

Result<RouteNetlink::Route, SystemError> RouteNetlink::route_to(const IpAddress& address, std::uint32_t interface) {
  return ask_for_route(address, interface, 0);
}

Result<RouteNetlink::Route, SystemError> RouteNetlink::ask_for_route(const IpAddress& address, std::uint32_t interface,
                                                                     std::uint32_t flags) {
  rtmsg fixed{};
  fixed.rtm_flags = flags;
  fixed.rtm_family = family_of(address);
  fixed.rtm_dst_len = static_cast<std::uint8_t>(address.bytes().size() * 8);
  Request request(RTM_GETROUTE, 0, fixed);
  request.add(RTA_DST, address.bytes());
  if (interface != 0) request.add(RTA_OIF, Bytes(reinterpret_cast<const std::byte*>(&interface), sizeof interface));
  Route route;
  TRY(ask(request.bytes(), [&](Bytes message) {
    Bytes attributes;
    const auto answer = fixed_part<rtmsg>(message, RTM_NEWROUTE, attributes);
    if (!answer) return;
    std::vector<IpAddress> between;
    collect_gateways(attributes, between);
    route.direct = between.empty() && answer->rtm_type == RTN_UNICAST;
    route.own = answer->rtm_type == RTN_LOCAL;
    route.made_by_kernel = answer->rtm_protocol == RTPROT_KERNEL;
    each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
      if (type == RTA_OIF) route.interface = number_in(value);
      if (type == RTA_PREFSRC) route.source = IpAddress::from_bytes(value);
    });
  }));
  return route;
}

Result<RouteNetlink::Route, SystemError> RouteNetlink::route_on_link(const IpAddress& address) {
  if (address.is_v4()) {  // almost always all that need be asked; IPv6 has no source address in its tables
    auto in_table = ask_for_route(address, 0, RTM_F_FIB_MATCH);
    if (in_table && in_table->direct && in_table->made_by_kernel && in_table->source) return in_table;
  }
  auto route = route_to(address);
  if (route && route->own) return route;
  const auto own = TRY(addresses());
  const InterfaceAddress* on_link = nullptr;
  for (const InterfaceAddress& each : own) {
    if (is_loopback(each.address) || !each.prefix.contains(address)) continue;
    if (route && each.interface == route->interface && route->direct) return route;
    if (on_link == nullptr || each.prefix.length() > on_link->prefix.length()) on_link = &each;
  }
  if (on_link == nullptr) return route;
  auto bound = route_to(address, on_link->interface);
  if (!bound || !bound->direct || bound->interface != on_link->interface) return route;
  return bound;
}

Result<RouteNetlink::Neighbour, SystemError> RouteNetlink::neighbour(std::uint32_t interface,
                                                                     const IpAddress& address) {
  ndmsg fixed{};
  fixed.ndm_family = family_of(address);
  fixed.ndm_ifindex = static_cast<int>(interface);
  Request request(RTM_GETNEIGH, 0, fixed);
  request.add(NDA_DST, address.bytes());
  Neighbour neighbour;
  const auto asked = ask(request.bytes(), [&](Bytes message) {
    Bytes attributes;
    const auto answer = fixed_part<ndmsg>(message, RTM_NEWNEIGH, attributes);
    if (!answer) return;
    std::optional<MacBytes> mac;
    each_attribute(attributes, [&](std::uint16_t type, Bytes value) {
      if (type == NDA_LLADDR && value.size() == MacBytes().size()) mac = Reader(value).array<6>();
    });
    neighbour = neighbour_of(answer->ndm_state, mac);
  });
  if (!asked && asked.error().code != ENOENT) return std::unexpected(asked.error());
  return neighbour;
}

Result<void, SystemError> RouteNetlink::forget_neighbour(std::uint32_t interface, const IpAddress& address) {
  ndmsg fixed{};
  fixed.ndm_family = family_of(address);
  fixed.ndm_ifindex = static_cast<int>(interface);
  Request request(RTM_DELNEIGH, NLM_F_ACK, fixed);
  request.add(NDA_DST, address.bytes());
  return ask(request.bytes(), [](Bytes) {});
}

std::optional<std::uint32_t> interface_on_link(const IpAddress& address) {
  auto netlink = RouteNetlink::open();
  const auto route = netlink ? netlink->route_on_link(address) : std::unexpected(netlink.error());
  return route && route->direct && !route->own ? std::optional(route->interface) : std::nullopt;
}

}  // namespace quoin::io
