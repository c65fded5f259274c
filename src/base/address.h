// Addresses, ports and prefixes as values.
//
// An IpAddress is IPv4 or IPv6 and always unmapped: ::ffff:a.b.c.d becomes a.b.c.d on the way in, so that one host has
// one spelling. Text forms are RFC 5952 for IPv6 and the dotted quad for IPv4; nothing else parses (no octal, no short
// forms, no zones).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace quoin {

enum class IpVersion : std::uint8_t { v4, v6 };

class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v4(std::array<std::byte, 4> network_order);
  static IpAddress v6(std::array<std::byte, 16> network_order);  // a v4-mapped one becomes IPv4
  static std::optional<IpAddress> from_bytes(Bytes four_or_sixteen);
  static std::optional<IpAddress> parse(std::string_view text);

  IpVersion version() const { return version_; }
  bool is_v4() const { return version_ == IpVersion::v4; }
  bool is_v6() const { return version_ == IpVersion::v6; }
  Bytes bytes() const { return Bytes(bytes_).first(is_v4() ? 4 : 16); }  // 4 or 16, network order
  std::uint32_t v4_host_order() const;                                   // only of an IPv4 address
  std::array<std::byte, 16> mapped() const;                              // IPv4 as ::ffff:a.b.c.d
  std::string text() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  IpVersion version_ = IpVersion::v4;
  std::array<std::byte, 16> bytes_{};
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  static std::optional<Endpoint> parse(std::string_view text);  // "192.0.2.1:80", "[2001:db8::1]:80"
  std::string text() const;
  auto operator<=>(const Endpoint&) const = default;
};

// An address block with all host bits zero.
class Prefix {
 public:
  constexpr Prefix() = default;                                      // 0.0.0.0/0
  static std::optional<Prefix> make(IpAddress network, int length);  // none if a host bit is set or the length is wrong
  static Prefix containing(IpAddress address, int length);           // host bits cleared; length in range
  static Prefix host(IpAddress address);                             // /32 or /128
  static std::optional<Prefix> parse(std::string_view text);         // "10.0.0.0/8"; a bare address is a host

  const IpAddress& network() const { return network_; }
  int length() const { return length_; }
  bool contains(const IpAddress& address) const;
  bool is_host() const { return length_ == (network_.is_v4() ? 32 : 128); }
  std::string text() const;
  auto operator<=>(const Prefix&) const = default;

 private:
  IpAddress network_;
  int length_ = 0;
};

bool contains(const std::vector<Prefix>& prefixes, const IpAddress& address);

// What kind of place an address is (RFC 6890 and its registries).
bool is_unspecified(const IpAddress& address);
bool is_loopback(const IpAddress& address);
bool is_link_local(const IpAddress& address);  // 169.254/16, fe80::/10
bool is_multicast(const IpAddress& address);   // 224/4, ff00::/8
bool is_limited_broadcast(const IpAddress& address);
bool is_private(const IpAddress& address);     // RFC 1918, fc00::/7
bool is_shared_nat(const IpAddress& address);  // 100.64/10 (RFC 6598)
bool is_overlay(const IpAddress& address);     // where Tailscale's nodes have theirs: 100.64/10, fd7a:115c:a1e0::/48
bool embeds_v4(const IpAddress& address);      // 6to4, Teredo, NAT64, v4-compatible, v4-translated, ISATAP
bool is_reserved(const IpAddress& address);    // 0/8, 240/4

}  // namespace quoin

template <>
struct std::hash<quoin::IpAddress> {
  std::size_t operator()(const quoin::IpAddress& address) const noexcept {
    return std::hash<std::string_view>()(quoin::text_of(address.bytes()));
  }
};
template <>
struct std::hash<quoin::Endpoint> {
  std::size_t operator()(const quoin::Endpoint& endpoint) const noexcept {
    return std::hash<quoin::IpAddress>()(endpoint.address) * 31 + endpoint.port;
  }
};
