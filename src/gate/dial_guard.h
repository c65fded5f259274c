// Which address may be dialled as a device. Independent of where the address comes from: it is asked when the
// configuration is read, at each opening, before each dial, and when the host's interfaces change.
// (Threat model: D3; attack cases ISO-02 to ISO-05, ISO-11.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gate/host_view.h"

namespace quoin::gate {

enum class GuardRefusal {
  unspecified,  // 0.0.0.0, ::
  loopback,
  link_local,  // also where clouds keep their metadata services
  multicast,
  broadcast,    // 255.255.255.255
  embedded_v4,  // 6to4, Teredo, NAT64 and the like: an IPv6 address that stands for an IPv4 one
  overlay,      // addresses of the tunnel itself
  metadata,     // fd00:ec2::/32: a cloud's metadata service in private space
  not_private,  // a public or reserved address: a printing device stands on the customer's own network
  own_address,  // of this host
  gateway,
  dns_server,
  subnet_edge,  // network or broadcast address of one of this host's networks
  not_on_link,  // in none of this host's networks, so its MAC address cannot be checked
};

// How a device is told from others, and so where it may stand.
enum class KnownBy : std::uint8_t {
  mac,     // on one of this host's own links, whether or not its serial number is checked too
  serial,  // by nothing else, also behind a router
};

enum class PublicAddress : std::uint8_t { refused, vouched_for };

// By the address alone.
std::optional<GuardRefusal> guard_address(const IpAddress& address, PublicAddress if_public = PublicAddress::refused);
// With what the host knows of itself.
std::optional<GuardRefusal> guard_device(const IpAddress& address, KnownBy known_by, const HostView& host,
                                         PublicAddress if_public = PublicAddress::refused);
bool is_on_link(const IpAddress& address, const HostView& host);  // in a network of one of this host's interfaces

std::string sentence_of(GuardRefusal refusal, const IpAddress& address);  // "192.168.1.1 is a gateway of this host"

}  // namespace quoin::gate
