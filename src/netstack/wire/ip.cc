#include "netstack/wire/ip.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "netstack/wire/checksum.h"

namespace quoin::netstack {
namespace {

struct Place {  // of a fragment
  std::uint32_t identification;
  std::size_t offset;
  bool more;
};
struct Parsed {
  IpPacket packet;
  std::optional<Place> place;  // none: it is whole
};

Result<Parsed, IpRefusal> parse_ipv4(Bytes packet) {
  if (packet.size() < ipv4_header_bytes) return failure(IpRefusal::short_packet);
  const Bytes header = packet.first(ipv4_header_bytes);
  Reader reader(header);
  const std::size_t header_words = reader.u8() & 0xf;
  if (header_words > 5) return failure(IpRefusal::options);
  if (header_words < 5) return failure(IpRefusal::short_packet);
  reader.skip(1);  // type of service: nothing here depends on it
  const std::size_t total_length = reader.u16();
  if (total_length < ipv4_header_bytes || total_length > packet.size()) return failure(IpRefusal::short_packet);
  const std::uint16_t identification = reader.u16();
  const std::uint16_t flags_and_offset = reader.u16();
  constexpr std::uint16_t reserved_flag = 0x8000, more_fragments = 0x2000, offset_bits = 0x1fff;
  if ((flags_and_offset & reserved_flag) != 0) return failure(IpRefusal::fragment);
  IpPacket parsed;
  parsed.hop_limit = reader.u8();
  parsed.protocol = reader.u8();
  reader.skip(2);  // the checksum, which the sum covers
  ChecksumSum sum;
  sum.add(header);
  if (!sum.verifies()) return failure(IpRefusal::header_checksum);
  if (parsed.hop_limit == 0) return failure(IpRefusal::hop_limit);
  parsed.source = IpAddress::v4(reader.array<4>());
  parsed.destination = IpAddress::v4(reader.array<4>());
  parsed.header = header;
  parsed.payload = packet.subspan(ipv4_header_bytes, total_length - ipv4_header_bytes);
  if ((flags_and_offset & (more_fragments | offset_bits)) == 0) return Parsed{parsed, std::nullopt};
  return Parsed{parsed, Place{.identification = identification,
                              .offset = static_cast<std::size_t>(flags_and_offset & offset_bits) * 8,
                              .more = (flags_and_offset & more_fragments) != 0}};
}

constexpr std::uint8_t ipv6_fragment_header = 44;

bool is_extension_header(std::uint8_t next) {  // IANA ipv6-parameters, and "no next header"
  return next == 0 || next == 43 || next == 50 || next == 51 || next == 59 || next == 60 || next == 135 ||
         next == 139 || next == 140 || next == 253 || next == 254;
}

Result<Parsed, IpRefusal> parse_ipv6(Bytes packet) {
  if (packet.size() < ipv6_header_bytes) return failure(IpRefusal::short_packet);
  const Bytes header = packet.first(ipv6_header_bytes);
  Reader reader(header);
  reader.skip(4);  // version, traffic class, flow label
  const std::size_t payload_length = reader.u16();
  if (payload_length > packet.size() - ipv6_header_bytes) return failure(IpRefusal::short_packet);
  IpPacket parsed;
  parsed.protocol = reader.u8();
  if (is_extension_header(parsed.protocol)) return failure(IpRefusal::extension_header);
  parsed.hop_limit = reader.u8();
  if (parsed.hop_limit == 0) return failure(IpRefusal::hop_limit);
  parsed.source = IpAddress::v6(reader.array<16>());
  parsed.destination = IpAddress::v6(reader.array<16>());
  // A v4-mapped address on the wire would become IPv4 on the way in and answer for another version's host.
  if (!parsed.source.is_v6() || !parsed.destination.is_v6()) return failure(IpRefusal::version);
  parsed.header = header;
  parsed.payload = packet.subspan(ipv6_header_bytes, payload_length);
  if (parsed.protocol != ipv6_fragment_header) return Parsed{parsed, std::nullopt};
  Reader fragment(parsed.payload);
  parsed.protocol = fragment.u8();
  fragment.skip(1);
  const std::uint16_t offset_and_more = fragment.u16();
  const std::uint32_t identification = fragment.u32();
  if (!fragment.ok()) return failure(IpRefusal::fragment);
  // Only in a later fragment it need not be what the datagram has, but an honest sender writes the same in all.
  if (is_extension_header(parsed.protocol) || parsed.protocol == ipv6_fragment_header) {
    return failure(IpRefusal::extension_header);
  }
  parsed.header = packet.first(ipv6_header_bytes + ipv6_fragment_header_bytes);
  parsed.payload = parsed.payload.subspan(ipv6_fragment_header_bytes);
  return Parsed{parsed, Place{.identification = identification,
                              .offset = std::size_t{offset_and_more} / 8 * 8,
                              .more = (offset_and_more & 1) != 0}};
}

Result<Parsed, IpRefusal> parse(Bytes packet) {
  if (packet.empty()) return failure(IpRefusal::short_packet);
  switch (std::to_integer<std::uint8_t>(packet[0]) >> 4) {
    case 4: return parse_ipv4(packet);
    case 6: return parse_ipv6(packet);
    default: return failure(IpRefusal::version);
  }
}

}  // namespace

Result<IpPacket, IpRefusal> parse_ip(Bytes packet) {
  const auto parsed = parse(packet);
  if (!parsed) return failure(parsed.error());
  if (parsed->place) return failure(IpRefusal::fragment);
  return parsed->packet;
}

Result<IpFragment, IpRefusal> parse_fragment(Bytes packet) {
  const auto parsed = parse(packet);
  if (!parsed) return failure(parsed.error());
  if (!parsed->place) return failure(IpRefusal::fragment);
  const IpFragment fragment{parsed->packet, parsed->place->identification, parsed->place->offset, parsed->place->more};
  const std::size_t length = fragment.packet.payload.size();
  const std::size_t headers = fragment.packet.source.is_v4() ? ipv4_header_bytes : 0;
  const bool is_odd = fragment.more && length % 8 != 0;
  if (length == 0 || is_odd || headers + fragment.end() > ip_bytes_max) return failure(IpRefusal::fragment);
  return fragment;
}

void write_ip_header(MutableBytes packet, const IpHeader& header) {
  assert(header.source.version() == header.destination.version());
  if (header.source.is_v6()) {
    Writer writer(packet.first(ipv6_header_bytes));
    writer.u32(6u << 28);
    writer.u16(static_cast<std::uint16_t>(header.payload_bytes));
    writer.u8(header.protocol);
    writer.u8(header.hop_limit);
    writer.put(header.source.bytes());
    writer.put(header.destination.bytes());
    return;
  }
  assert(header.fragment_offset % 8 == 0);
  const MutableBytes out = packet.first(ipv4_header_bytes);
  Writer writer(out);
  writer.u8(0x45);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(ipv4_header_bytes + header.payload_bytes));
  writer.u16(header.identification);
  writer.u16(static_cast<std::uint16_t>((header.dont_fragment ? 0x4000 : 0) | (header.more_fragments ? 0x2000 : 0) |
                                        header.fragment_offset / 8));
  writer.u8(header.hop_limit);
  writer.u8(header.protocol);
  writer.u16(0);
  writer.put(header.source.bytes());
  writer.put(header.destination.bytes());
  ChecksumSum sum;
  sum.add(out);
  Writer(out.subspan(10)).u16(sum.checksum());
}

std::vector<Buffer> ipv4_fragments(Bytes packet, std::size_t mtu, std::uint16_t identification) {
  const IpPacket whole = parse_ip(packet).value();
  const std::size_t room = (mtu - ipv4_header_bytes) / 8 * 8;  // all but the last are multiples of 8
  std::vector<Buffer> fragments;
  for (std::size_t at = 0; at < whole.payload.size(); at += room) {
    const Bytes part = whole.payload.subspan(at, std::min(room, whole.payload.size() - at));
    Buffer fragment(ipv4_header_bytes);
    write_ip_header(fragment, {.source = whole.source,
                               .destination = whole.destination,
                               .protocol = whole.protocol,
                               .payload_bytes = part.size(),
                               .identification = identification,
                               .dont_fragment = false,
                               .more_fragments = at + part.size() < whole.payload.size(),
                               .fragment_offset = at});
    append(fragment, part);
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

}  // namespace quoin::netstack
