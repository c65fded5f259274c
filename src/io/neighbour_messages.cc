#include "io/neighbour_messages.h"

#include <algorithm>
#include <cassert>

namespace quoin::io {
namespace {

constexpr std::size_t arp_bytes = 28;
constexpr std::uint16_t arp_ethernet = 1;
constexpr std::uint16_t arp_ipv4 = 0x0800;
constexpr std::uint16_t arp_operation_request = 1;
constexpr std::uint16_t arp_operation_reply = 2;

constexpr std::uint8_t solicitation = 135;
constexpr std::uint8_t advertisement = 136;
constexpr std::uint8_t source_link_address = 1;
constexpr std::uint8_t target_link_address = 2;
constexpr std::size_t before_options = 24;
constexpr std::size_t option_unit = 8;
constexpr std::size_t options_max = 32;  // of one message; a MAC address stands among the first

// A group address is nobody's (RFC 4861, section 7.2.5, says nothing; RFC 1812, section 3.3.2, forbids it for ARP).
std::optional<MacBytes> one_hosts(const MacBytes& mac) {
  const bool is_none = std::ranges::all_of(mac, [](std::byte each) { return each == std::byte{0}; });
  if (is_none || (mac[0] & std::byte{1}) != std::byte{0}) return std::nullopt;
  return mac;
}

MacBytes mac_in(Bytes bytes) {
  MacBytes mac;
  std::ranges::copy(bytes.first(mac.size()), mac.begin());
  return mac;
}

}  // namespace

Buffer arp_request(const NeighbourAddresses& own, const IpAddress& wanted) {
  assert(own.address.is_v4() && wanted.is_v4());
  Buffer packet(arp_bytes);
  Writer out(packet);
  out.u16(arp_ethernet);
  out.u16(arp_ipv4);
  out.u8(6);
  out.u8(4);
  out.u16(arp_operation_request);
  out.put(own.mac);
  out.put(own.address.bytes());
  out.put(MacBytes{});
  out.put(wanted.bytes());
  return packet;
}

std::optional<MacBytes> claimant_in_arp(Bytes packet, const IpAddress& address) {
  if (packet.size() < arp_bytes || !address.is_v4()) return std::nullopt;
  Reader in(packet);
  if (in.u16() != arp_ethernet || in.u16() != arp_ipv4 || in.u8() != 6 || in.u8() != 4) return std::nullopt;
  const std::uint16_t operation = in.u16();
  if (operation != arp_operation_request && operation != arp_operation_reply) return std::nullopt;
  if (!equal(packet.subspan(14, 4), address.bytes())) return std::nullopt;
  return one_hosts(mac_in(packet.subspan(8)));
}

Buffer neighbour_solicitation(const MacBytes& own, const IpAddress& wanted) {
  assert(wanted.is_v6());
  Buffer message(before_options + option_unit);
  Writer out(message);
  out.u8(solicitation);
  out.u8(0);
  out.u16(0);
  out.u32(0);
  out.put(wanted.bytes());
  out.u8(source_link_address);
  out.u8(1);
  out.put(own);
  return message;
}

IpAddress solicited_node(const IpAddress& wanted) {
  std::array<std::byte, 16> group{};
  const auto start = from_hex("ff0200000000000000000001ff");
  std::ranges::copy(*start, group.begin());
  std::ranges::copy(wanted.bytes().last(3), group.begin() + 13);
  return *IpAddress::from_bytes(group);
}

std::optional<MacBytes> claimant_in_advertisement(Bytes message, int hop_limit, const IpAddress& address) {
  if (hop_limit != 255 || message.size() < before_options) return std::nullopt;
  if (message[0] != std::byte{advertisement} || message[1] != std::byte{0}) return std::nullopt;
  if (!equal(message.subspan(8, 16), address.bytes())) return std::nullopt;
  Bytes options = message.subspan(before_options);
  for (std::size_t i = 0; i < options_max && options.size() >= option_unit; i++) {
    const std::size_t bytes = std::to_integer<std::size_t>(options[1]) * option_unit;
    if (bytes == 0 || bytes > options.size()) return std::nullopt;  // section 7.1.2
    if (options[0] == std::byte{target_link_address} && bytes == option_unit)
      return one_hosts(mac_in(options.subspan(2)));
    options = options.subspan(bytes);
  }
  return std::nullopt;
}

}  // namespace quoin::io
