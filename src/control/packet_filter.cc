#include "control/packet_filter.h"

#include <algorithm>

namespace quoin::control {
namespace {

enum Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17, icmp_v6 = 58, sctp = 132 };

IpAddress last_of(const Prefix& prefix) {
  const Bytes from = prefix.network().bytes();
  Buffer bytes(from.begin(), from.end());
  for (std::size_t i = 0; i < bytes.size(); i++) {
    const int fixed = std::clamp(prefix.length() - static_cast<int>(i) * 8, 0, 8);
    bytes[i] |= static_cast<std::byte>(0xff >> fixed);
  }
  return *IpAddress::from_bytes(bytes);
}

AddressRange range_of(const Prefix& prefix) {
  return {prefix.network(), last_of(prefix)};
}

bool any_contains(const std::vector<AddressRange>& ranges, const IpAddress& address) {
  return std::ranges::any_of(ranges, [&](const AddressRange& range) { return range.contains(address); });
}

}  // namespace

std::optional<std::vector<AddressRange>> parse_ranges(std::string_view text) {
  if (text == "*") return std::vector{range_of(*Prefix::parse("0.0.0.0/0")), range_of(*Prefix::parse("::/0"))};
  if (const auto prefix = Prefix::parse(text)) return std::vector{range_of(*prefix)};
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = IpAddress::parse(text.substr(0, dash));
  const auto last = IpAddress::parse(text.substr(dash + 1));
  if (!first || !last || first->version() != last->version() || *last < *first) return std::nullopt;
  return std::vector{AddressRange{*first, *last}};
}

std::optional<PacketFilter> PacketFilter::compile(const FilterRules& rules) {
  PacketFilter out;
  std::size_t entries = 0;
  for (const FilterRule& from : rules) {
    entries += 1 + from.src_ips.size() + from.dst_ports.size() + from.ip_proto.size();
    if (entries > entries_max || !from.src_bits.empty()) return std::nullopt;
    Rule rule;
    for (const std::string& source : from.src_ips) {
      if (source.starts_with("cap:")) continue;  // asks for a peer's capability; we keep none, so it matches nobody
      const auto ranges = parse_ranges(source);
      if (!ranges) return std::nullopt;
      rule.sources.insert(rule.sources.end(), ranges->begin(), ranges->end());
    }
    for (const NetPortRange& destination : from.dst_ports) {
      const auto ranges = parse_ranges(destination.ip);
      if (!ranges || destination.bits || destination.ports.last < destination.ports.first) return std::nullopt;
      for (const AddressRange& range : *ranges) rule.destinations.push_back({range, destination.ports});
    }
    for (const std::int32_t protocol : from.ip_proto) {
      if (protocol < 1 || protocol > 255) return std::nullopt;
      rule.protocols.push_back(static_cast<std::uint8_t>(protocol));
    }
    if (from.ip_proto.empty()) rule.protocols = {tcp, udp, icmp, icmp_v6};
    if (!rule.destinations.empty()) out.rules_.push_back(std::move(rule));  // else it grants no packets
  }
  return out;
}

bool PacketFilter::allows(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                          std::uint16_t port) const {
  const bool is_icmp = protocol == icmp || protocol == icmp_v6;
  const bool has_ports = protocol == tcp || protocol == udp || protocol == sctp;
  const auto port_fits = [&](const PortRange& ports) {
    if (is_icmp) return true;
    if (has_ports) return ports.first <= port && port <= ports.last;
    return ports.first == 0 && ports.last == 65535;
  };
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    if (!is_icmp && std::ranges::find(rule.protocols, protocol) == rule.protocols.end()) return false;
    if (!any_contains(rule.sources, source)) return false;
    return std::ranges::any_of(rule.destinations, [&](const Destination& each) {
      return each.range.contains(destination) && port_fits(each.ports);
    });
  });
}

}  // namespace quoin::control
