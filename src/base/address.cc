#include "base/address.h"

#include <algorithm>
#include <cassert>
#include <charconv>

namespace quoin {
namespace {

constexpr std::array<std::byte, 12> mapped_prefix = [] {
  std::array<std::byte, 12> prefix{};
  prefix[10] = prefix[11] = std::byte{0xff};
  return prefix;
}();

// A decimal number of at most three digits without a leading zero.
std::optional<int> small_decimal(std::string_view text, int most) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value > most) return std::nullopt;
  return value;
}

std::optional<std::array<std::byte, 4>> parse_v4(std::string_view text) {
  std::array<std::byte, 4> out;
  for (std::size_t i = 0; i < 4; i++) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return std::nullopt;
    const auto part = small_decimal(text.substr(0, dot), 255);
    if (!part) return std::nullopt;
    out[i] = static_cast<std::byte>(*part);
    if (i < 3) text.remove_prefix(dot + 1);
  }
  return out;
}

// The groups of one side of "::", or of a whole address; a dotted quad may end it.
bool parse_groups(std::string_view text, std::vector<std::uint16_t>& groups) {
  if (text.empty()) return true;
  for (;;) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      const auto quad = parse_v4(part);
      if (!quad) return false;
      Reader reader(*quad);
      groups.push_back(reader.u16());
      groups.push_back(reader.u16());
      return true;
    }
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, 16);
    if (part.empty() || part.size() > 4 || error != std::errc{} || end != part.data() + part.size()) return false;
    groups.push_back(value);
    if (groups.size() > 8) return false;
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
  }
}

std::optional<std::array<std::byte, 16>> parse_v6(std::string_view text) {
  std::vector<std::uint16_t> head;
  std::vector<std::uint16_t> tail;
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!parse_groups(text, head) || head.size() != 8) return std::nullopt;
  } else {
    const std::string_view before = text.substr(0, gap);
    const std::string_view after = text.substr(gap + 2);
    if (before.find('.') != std::string_view::npos) return std::nullopt;
    if (!parse_groups(before, head) || !parse_groups(after, tail)) return std::nullopt;
    if (head.size() + tail.size() > 7) return std::nullopt;
    head.resize(8 - tail.size());
    head.insert(head.end(), tail.begin(), tail.end());
  }
  std::array<std::byte, 16> out;
  Writer writer(out);
  for (const std::uint16_t group : head) writer.u16(group);
  return out;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

IpAddress masked(const IpAddress& address, int length) {
  std::array<std::byte, 16> out{};
  const Bytes from = address.bytes();
  for (std::size_t i = 0; i < from.size(); i++) {
    const int bits = std::clamp(length - static_cast<int>(i) * 8, 0, 8);
    out[i] = from[i] & static_cast<std::byte>(0xff00 >> bits);
  }
  // An IPv6 block such as ::ffff:0:0/95 must stay IPv6, so the bytes are compared as they stand.
  return *IpAddress::from_bytes(Bytes(out).first(from.size()));
}

// Whether any of these blocks has the address. They are parsed once, at the first call.
template <std::size_t N>
using Blocks = std::array<Prefix, N>;
template <class... Text>
Blocks<sizeof...(Text)> blocks(Text... texts) {
  return {*Prefix::parse(texts)...};
}
template <std::size_t N>
bool within(const IpAddress& address, const Blocks<N>& blocks) {
  return std::ranges::any_of(blocks, [&](const Prefix& block) { return block.contains(address); });
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  std::array<std::byte, 4> bytes;
  Writer(bytes).u32(host_order);
  return v4(bytes);
}

IpAddress IpAddress::v4(std::array<std::byte, 4> network_order) {
  IpAddress out;
  std::ranges::copy(network_order, out.bytes_.begin());
  return out;
}

IpAddress IpAddress::v6(std::array<std::byte, 16> network_order) {
  if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), network_order.begin())) {
    return v4(Reader(Bytes(network_order).subspan(12)).array<4>());
  }
  IpAddress out;
  out.version_ = IpVersion::v6;
  out.bytes_ = network_order;
  return out;
}

std::optional<IpAddress> IpAddress::from_bytes(Bytes bytes) {
  if (bytes.size() == 4) return v4(Reader(bytes).array<4>());
  if (bytes.size() == 16) return v6(Reader(bytes).array<16>());
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto quad = parse_v4(text);
    if (!quad) return std::nullopt;
    return v4(*quad);
  }
  const auto groups = parse_v6(text);
  if (!groups) return std::nullopt;
  return v6(*groups);
}

std::uint32_t IpAddress::v4_host_order() const {
  assert(is_v4());
  return Reader(bytes()).u32();
}

std::array<std::byte, 16> IpAddress::mapped() const {
  if (is_v6()) return bytes_;
  std::array<std::byte, 16> out{};
  std::ranges::copy(mapped_prefix, out.begin());
  std::ranges::copy(bytes(), out.begin() + 12);
  return out;
}

std::string IpAddress::text() const {
  std::string out;
  if (is_v4()) {
    for (const std::byte b : bytes()) {
      if (!out.empty()) out += '.';
      out += std::to_string(std::to_integer<int>(b));
    }
    return out;
  }
  std::array<std::uint16_t, 8> groups;
  Reader reader(bytes_);
  for (auto& group : groups) group = reader.u16();
  // RFC 5952: the longest run of two or more zero groups, the first of equals, becomes "::".
  std::size_t run_start = 8;
  std::size_t run_length = 1;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) end++;
    if (end - i > run_length) {
      run_start = i;
      run_length = end - i;
    }
    i = end + 1;
  }
  for (std::size_t i = 0; i < 8; i++) {
    if (i == run_start) {
      out += "::";
      i += run_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    char digits[4];
    const auto [end, error] = std::to_chars(digits, digits + 4, groups[i], 16);
    out.append(digits, end);
  }
  return out;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  const auto port = parse_port(text.substr(colon + 1));
  const bool is_v6_text = host.find(':') != std::string_view::npos;
  if (!address || !port || bracketed != is_v6_text) return std::nullopt;
  return Endpoint{*address, *port};
}

std::string Endpoint::text() const {
  const std::string host = address.is_v4() ? address.text() : "[" + address.text() + "]";
  return host + ":" + std::to_string(port);
}

std::optional<Prefix> Prefix::make(IpAddress network, int length) {
  if (length < 0 || length > (network.is_v4() ? 32 : 128)) return std::nullopt;
  if (masked(network, length) != network) return std::nullopt;
  Prefix out;
  out.network_ = network;
  out.length_ = length;
  return out;
}

Prefix Prefix::containing(IpAddress address, int length) {
  assert(length >= 0 && length <= (address.is_v4() ? 32 : 128));
  Prefix out;
  out.network_ = masked(address, length);
  out.length_ = length;
  return out;
}

Prefix Prefix::host(IpAddress address) {
  return containing(address, address.is_v4() ? 32 : 128);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto network = IpAddress::parse(text.substr(0, slash));
  if (!network) return std::nullopt;
  if (slash == std::string_view::npos) return host(*network);
  const auto length = small_decimal(text.substr(slash + 1), 128);
  if (!length) return std::nullopt;
  return make(*network, *length);
}

bool Prefix::contains(const IpAddress& address) const {
  if (address.version() != network_.version()) return false;
  const Bytes a = address.bytes();
  const Bytes b = network_.bytes();
  const auto whole = static_cast<std::size_t>(length_ / 8);
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  const auto mask = static_cast<std::byte>(0xff00 >> (length_ % 8));
  return length_ % 8 == 0 || (a[whole] & mask) == b[whole];
}

std::string Prefix::text() const {
  return network_.text() + "/" + std::to_string(length_);
}

bool contains(const std::vector<Prefix>& prefixes, const IpAddress& address) {
  return std::ranges::any_of(prefixes, [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool is_unspecified(const IpAddress& address) {
  return std::ranges::all_of(address.bytes(), [](std::byte b) { return b == std::byte{0}; });
}

bool is_loopback(const IpAddress& address) {
  static const auto loopback = blocks("127.0.0.0/8", "::1/128");
  return within(address, loopback);
}

bool is_link_local(const IpAddress& address) {
  static const auto link_local = blocks("169.254.0.0/16", "fe80::/10");
  return within(address, link_local);
}

bool is_multicast(const IpAddress& address) {
  static const auto multicast = blocks("224.0.0.0/4", "ff00::/8");
  return within(address, multicast);
}

bool is_limited_broadcast(const IpAddress& address) {
  return address.is_v4() && address.v4_host_order() == 0xffffffff;
}

bool is_private(const IpAddress& address) {
  static const auto private_use = blocks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7");
  return within(address, private_use);
}

bool is_shared_nat(const IpAddress& address) {
  static const auto shared = blocks("100.64.0.0/10");
  return within(address, shared);
}

bool is_overlay(const IpAddress& address) {
  static const auto overlay = blocks("100.64.0.0/10", "fd7a:115c:a1e0::/48");
  return within(address, overlay);
}

bool is_reserved(const IpAddress& address) {
  static const auto reserved = blocks("0.0.0.0/8", "240.0.0.0/4");
  return within(address, reserved);
}

bool embeds_v4(const IpAddress& address) {
  if (!address.is_v6()) return false;
  // 6to4, Teredo, NAT64 (well-known and local-use), v4-compatible, v4-translated
  static const auto embedding =
      blocks("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96");
  if (within(address, embedding)) return true;
  // ISATAP (RFC 5214): interface identifier [02]00:5efe:a.b.c.d
  Reader reader(address.bytes().subspan(8));
  return (reader.u32() & 0xfdffffff) == 0x00005efe;
}

}  // namespace quoin
