#include "netstack/wire/icmp.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "netstack/wire/checksum.h"

namespace quoin::netstack {
namespace {

constexpr std::uint8_t v4_echo_reply = 0, v4_unreachable = 3, v4_echo_request = 8;
constexpr std::uint8_t v4_time_exceeded = 11, v6_time_exceeded = 3, reassembly_time_exceeded = 1;
constexpr std::uint8_t v6_unreachable = 1, v6_too_big = 2, v6_echo_request = 128, v6_echo_reply = 129;

ChecksumSum sum_for(const IpAddress& source, const IpAddress& destination, std::size_t length) {
  if (source.is_v4()) return {};
  return pseudo_header_sum(source, destination, IpProtocol::icmpv6, length);  // RFC 4443, section 2.3
}

constexpr std::uint8_t v4_fragmentation_needed = 4;  // a code of v4_unreachable

IcmpUnreachable meaning(IpVersion version, std::uint8_t code) {
  const bool v4 = version == IpVersion::v4;
  if (code == (v4 ? 1 : 3)) return IcmpUnreachable::host;
  if (code == (v4 ? 3 : 4)) return IcmpUnreachable::port;
  if (v4 ? (code == 9 || code == 10 || code == 13) : code == 1) return IcmpUnreachable::prohibited;
  if (v4 && code == v4_fragmentation_needed) return IcmpUnreachable::too_big;
  return IcmpUnreachable::other;
}

std::uint8_t code_of(IpVersion version, IcmpUnreachable what) {
  const bool v4 = version == IpVersion::v4;
  switch (what) {
    case IcmpUnreachable::host: return v4 ? 1 : 3;
    case IcmpUnreachable::port: return v4 ? 3 : 4;
    case IcmpUnreachable::prohibited: return v4 ? 13 : 1;
    case IcmpUnreachable::too_big:
    case IcmpUnreachable::other: break;
  }
  return 0;  // network unreachable, no route
}

// The quoted packet is cut (RFC 792 promises 8 bytes of its transport), so its lengths and checksums say nothing. What
// we send has neither options nor extension headers; what claims otherwise is not ours.
std::optional<IcmpError> read_quote(IcmpUnreachable what, IpVersion version, Bytes quote) {
  IcmpError error{};
  error.what = what;
  Reader reader(quote);
  if (version == IpVersion::v4) {
    if (reader.u8() != 0x45) return std::nullopt;
    reader.skip(8);
    error.protocol = reader.u8();
    reader.skip(2);
    error.source = IpAddress::v4(reader.array<4>());
    error.destination = IpAddress::v4(reader.array<4>());
  } else {
    if (reader.u8() >> 4 != 6) return std::nullopt;
    reader.skip(5);
    error.protocol = reader.u8();
    reader.skip(1);
    error.source = IpAddress::v6(reader.array<16>());
    error.destination = IpAddress::v6(reader.array<16>());
  }
  error.source_port = reader.u16();
  error.destination_port = reader.u16();
  error.sequence = reader.u32();
  if (!reader.ok()) return std::nullopt;
  return error;
}

Buffer packet_of(std::uint8_t type, std::uint8_t code, const IpAddress& source, const IpAddress& destination,
                 Bytes rest) {
  const std::size_t header_bytes = ip_header_bytes(source.version());
  const std::size_t message_bytes = 4 + rest.size();
  Buffer packet(header_bytes + message_bytes);
  write_ip_header(packet, {.source = source,
                           .destination = destination,
                           .protocol = source.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6,
                           .payload_bytes = message_bytes});
  const MutableBytes message = MutableBytes(packet).subspan(header_bytes);
  Writer writer(message);
  writer.u8(type);
  writer.u8(code);
  writer.u16(0);
  writer.put(rest);
  ChecksumSum sum = sum_for(source, destination, message_bytes);
  sum.add(message);
  Writer(message.subspan(2)).u16(sum.checksum());
  return packet;
}

Buffer error_about(const IpPacket& about, std::uint8_t type, std::uint8_t code) {
  const Bytes whole = about.whole();
  Buffer rest(4);  // unused
  append(rest, whole.first(std::min(whole.size(), icmp_quote_bytes_max(about.source.version()))));
  return packet_of(type, code, about.destination, about.source, rest);
}

}  // namespace

std::optional<IcmpMessage> parse_icmp(const IpPacket& packet) {
  if (packet.payload.size() < icmp_header_bytes) return std::nullopt;
  ChecksumSum sum = sum_for(packet.source, packet.destination, packet.payload.size());
  sum.add(packet.payload);
  if (!sum.verifies()) return std::nullopt;
  const bool v4 = packet.source.is_v4();
  Reader reader(packet.payload);
  const std::uint8_t type = reader.u8();
  const std::uint8_t code = reader.u8();
  reader.skip(2);
  if (type == (v4 ? v4_echo_request : v6_echo_request) && code == 0) return IcmpEcho{false, reader.rest()};
  if (type == (v4 ? v4_echo_reply : v6_echo_reply) && code == 0) return IcmpEcho{true, reader.rest()};
  const bool v6_packet_too_big = !v4 && type == v6_too_big;
  if (type != (v4 ? v4_unreachable : v6_unreachable) && !v6_packet_too_big) return IcmpOther{};
  const std::uint32_t mtu = reader.u32();  // unused, or the low half of it (RFC 1191), or all (RFC 4443, section 3.2)
  const IcmpUnreachable what = v6_packet_too_big ? IcmpUnreachable::too_big : meaning(packet.source.version(), code);
  auto error = read_quote(what, packet.source.version(), reader.rest());
  if (!error) return std::nullopt;
  if (what == IcmpUnreachable::too_big) error->mtu = v4 ? mtu & 0xffff : mtu;
  return *error;
}

Buffer icmp_echo_reply(const IpAddress& source, const IpAddress& destination, Bytes body) {
  return packet_of(source.is_v4() ? v4_echo_reply : v6_echo_reply, 0, source, destination, body);
}

Buffer icmp_echo_request(const IpAddress& source, const IpAddress& destination, Bytes body) {
  return packet_of(source.is_v4() ? v4_echo_request : v6_echo_request, 0, source, destination, body);
}

Buffer icmp_unreachable(IcmpUnreachable what, const IpPacket& about) {
  const IpVersion version = about.source.version();
  return error_about(about, version == IpVersion::v4 ? v4_unreachable : v6_unreachable, code_of(version, what));
}

Buffer icmp_reassembly_timed_out(const IpPacket& about) {
  return error_about(about, about.source.is_v4() ? v4_time_exceeded : v6_time_exceeded, reassembly_time_exceeded);
}

}  // namespace quoin::netstack
