#include "path/endpoint_guard.h"

#include <array>
#include <cassert>
#include <utility>

namespace quoin::path {
namespace {

struct V4Block {
  std::uint32_t network;
  int length;
  Refusal why;
};

// The IANA special-purpose registry for IPv4 (RFC 6890) without the documentation ranges.
constexpr std::array v4_blocks = {
    V4Block{0x00000000, 32, Refusal::unspecified},  // 0.0.0.0
    V4Block{0x00000000, 8, Refusal::reserved},      // 0/8
    V4Block{0x0a000000, 8, Refusal::private_use},   // 10/8
    V4Block{0x64400000, 10, Refusal::shared_nat},   // 100.64/10
    V4Block{0x7f000000, 8, Refusal::loopback},      // 127/8
    V4Block{0xa9fe0000, 16, Refusal::link_local},   // 169.254/16
    V4Block{0xac100000, 12, Refusal::private_use},  // 172.16/12
    V4Block{0xc0000000, 24, Refusal::reserved},     // 192.0.0/24, protocol assignments
    V4Block{0xc0586300, 24, Refusal::reserved},     // 192.88.99/24, once 6to4 relays
    V4Block{0xc0a80000, 16, Refusal::private_use},  // 192.168/16
    V4Block{0xc6120000, 15, Refusal::reserved},     // 198.18/15, benchmarking
    V4Block{0xe0000000, 4, Refusal::multicast},     // 224/4
    V4Block{0xffffffff, 32, Refusal::broadcast},    // 255.255.255.255
    V4Block{0xf0000000, 4, Refusal::reserved},      // 240/4
};

std::optional<Refusal> not_public_v4(std::uint32_t address) {
  for (const V4Block& block : v4_blocks) {
    if ((address ^ block.network) >> (32 - block.length) == 0) return block.why;
  }
  return std::nullopt;
}

// IPv6 the other way round: only what lies in 2000::/3 is global unicast, and of that not all.
std::optional<Refusal> not_public_v6(const IpAddress& address) {
  if (is_unspecified(address)) return Refusal::unspecified;
  if (is_loopback(address)) return Refusal::loopback;
  if (embeds_v4(address)) return Refusal::embeds_v4;
  Reader reader(address.bytes());
  const std::uint32_t head = reader.u32();
  if (head >> 24 == 0xff) return Refusal::multicast;
  if (head >> 22 == 0xfe80 >> 6) return Refusal::link_local;
  if (head >> 22 == 0xfec0 >> 6 || head >> 25 == 0xfc >> 1) return Refusal::private_use;
  if (head >> 29 != 0x2000 >> 13) return Refusal::reserved;
  if (head >> 9 == 0x20010000 >> 9) return Refusal::reserved;  // 2001::/23, protocol assignments
  return std::nullopt;
}

// Nobody can vouch for these: they are not a server's address.
bool is_never_a_server(Refusal refusal) {
  switch (refusal) {
    case Refusal::port_zero:
    case Refusal::unspecified:
    case Refusal::multicast:
    case Refusal::broadcast:
    case Refusal::reserved:
    case Refusal::embeds_v4: return true;
    case Refusal::loopback:
    case Refusal::link_local:
    case Refusal::private_use:
    case Refusal::shared_nat:
    case Refusal::own_prefix: return false;
  }
  return true;
}

}  // namespace

std::string_view text(Refusal refusal) {
  switch (refusal) {
    case Refusal::port_zero: return "port 0";
    case Refusal::unspecified: return "the unspecified address";
    case Refusal::loopback: return "a loopback address";
    case Refusal::link_local: return "a link-local address";
    case Refusal::multicast: return "a multicast address";
    case Refusal::broadcast: return "the broadcast address";
    case Refusal::private_use: return "a private address";
    case Refusal::shared_nat: return "an address of the shared NAT range";
    case Refusal::reserved: return "a reserved address";
    case Refusal::embeds_v4: return "an IPv6 address that carries an IPv4 address";
    case Refusal::own_prefix: return "an address inside a network of this host";
  }
  return "a refused address";
}

std::optional<Refusal> not_public(const IpAddress& address) {
  return address.is_v4() ? not_public_v4(address.v4_host_order()) : not_public_v6(address);
}

EndpointGuard::EndpointGuard(std::vector<Prefix> own_prefixes, std::vector<Prefix> allowed_private)
    : own_prefixes_(std::move(own_prefixes)), allowed_private_(std::move(allowed_private)) {
  assert(own_prefixes_.size() <= prefixes_max && allowed_private_.size() <= prefixes_max);
}

void EndpointGuard::set_own_prefixes(std::vector<Prefix> prefixes) {
  assert(prefixes.size() <= prefixes_max);
  own_prefixes_ = std::move(prefixes);
}

std::optional<Refusal> EndpointGuard::refuses(const Endpoint& endpoint, EndpointUse use) const {
  if (endpoint.port == 0) return Refusal::port_zero;
  auto refusal = not_public(endpoint.address);
  if (!refusal && contains(own_prefixes_, endpoint.address)) refusal = Refusal::own_prefix;
  if (refusal && use == EndpointUse::relay_or_stun && !is_never_a_server(*refusal) &&
      contains(allowed_private_, endpoint.address)) {
    return std::nullopt;
  }
  return refusal;
}

}  // namespace quoin::path
