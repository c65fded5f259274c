#include "gate/dial_guard.h"

#include <algorithm>

namespace quoin::gate {
namespace {

bool within(const IpAddress& address, std::string_view prefix) {
  return Prefix::parse(prefix)->contains(address);
}

// The last address of an IPv4 network, which is its directed broadcast, and the first, which was one once (RFC 1122,
// section 3.3.6). RFC 3021 networks of two hosts have neither. In IPv6 the first is the routers' anycast address.
bool is_subnet_edge(const IpAddress& address, const InterfaceAddress& own) {
  if (address.version() != own.address.version()) return false;
  const Prefix network = Prefix::containing(own.address, own.prefix_length);
  if (!network.contains(address)) return false;
  const int bits = address.is_v4() ? 32 : 128;
  if (own.prefix_length >= bits - 1) return false;
  if (address == network.network()) return true;
  if (address.is_v6()) return false;
  const std::uint32_t host_bits = 0xffffffffU >> own.prefix_length;
  return (address.v4_host_order() & host_bits) == host_bits;
}

template <class Range>
bool has(const Range& range, const IpAddress& address) {
  return std::ranges::find(range, address) != std::ranges::end(range);
}

}  // namespace

std::vector<Prefix> HostView::prefixes() const {
  std::vector<Prefix> all = networks;
  for (const InterfaceAddress& own : interfaces) all.push_back(Prefix::containing(own.address, own.prefix_length));
  std::ranges::sort(all, {}, &Prefix::length);
  std::vector<Prefix> out;
  for (const Prefix& prefix : all) {
    if (!contains(out, prefix.network())) out.push_back(prefix);
  }
  return out;
}

std::optional<GuardRefusal> guard_address(const IpAddress& address, PublicAddress if_public) {
  if (is_unspecified(address)) return GuardRefusal::unspecified;
  if (is_loopback(address)) return GuardRefusal::loopback;
  if (is_link_local(address)) return GuardRefusal::link_local;
  if (is_multicast(address)) return GuardRefusal::multicast;
  if (is_limited_broadcast(address)) return GuardRefusal::broadcast;
  if (embeds_v4(address)) return GuardRefusal::embedded_v4;
  if (is_overlay(address)) return GuardRefusal::overlay;
  if (within(address, "fd00:ec2::/32")) return GuardRefusal::metadata;
  const bool may_be_public = if_public == PublicAddress::vouched_for && !is_reserved(address);
  if (!is_private(address) && !may_be_public) return GuardRefusal::not_private;
  return std::nullopt;
}

bool is_on_link(const IpAddress& address, const HostView& host) {
  return contains(host.prefixes(), address);
}

std::optional<GuardRefusal> guard_device(const IpAddress& address, KnownBy known_by, const HostView& host,
                                         PublicAddress if_public) {
  if (const auto refusal = guard_address(address, if_public)) return refusal;
  if (std::ranges::any_of(host.interfaces, [&](const auto& own) { return own.address == address; })) {
    return GuardRefusal::own_address;
  }
  if (has(host.gateways, address)) return GuardRefusal::gateway;
  if (has(host.dns_servers, address)) return GuardRefusal::dns_server;
  if (std::ranges::any_of(host.interfaces, [&](const auto& own) { return is_subnet_edge(address, own); })) {
    return GuardRefusal::subnet_edge;
  }
  if (known_by == KnownBy::mac && !is_on_link(address, host)) return GuardRefusal::not_on_link;
  return std::nullopt;
}

std::string sentence_of(GuardRefusal refusal, const IpAddress& address) {
  const auto says = [&](std::string_view what) { return address.text() + " " + std::string(what); };
  switch (refusal) {
    case GuardRefusal::unspecified: return says("is not the address of a device");
    case GuardRefusal::loopback: return says("is a loopback address, this host itself");
    case GuardRefusal::link_local: return says("is a link-local address");
    case GuardRefusal::multicast: return says("is a multicast address");
    case GuardRefusal::broadcast: return says("is the broadcast address");
    case GuardRefusal::embedded_v4: return says("is an IPv6 address that stands for an IPv4 one");
    case GuardRefusal::overlay: return says("lies in the address range of the tunnel network");
    case GuardRefusal::metadata: return says("lies in the range of a cloud's metadata service");
    case GuardRefusal::not_private:
      return says(
          "is not a private address; a device must stand on the local network: if its addresses are public ones, list "
          "that network in site.public_networks");
    case GuardRefusal::own_address: return says("is an address of this host");
    case GuardRefusal::gateway: return says("is a gateway of this host");
    case GuardRefusal::dns_server: return says("is a DNS server of this host");
    case GuardRefusal::subnet_edge: return says("is the network or broadcast address of a local network");
    case GuardRefusal::not_on_link:
      return says(
          "is in none of this host's networks, so its MAC address cannot be checked: behind a router, "
          "leave mac out and set serial");
  }
  return says("is refused");
}

}  // namespace quoin::gate
