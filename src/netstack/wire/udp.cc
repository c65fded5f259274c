#include "netstack/wire/udp.h"

namespace quoin::netstack {

std::optional<UdpDatagram> parse_udp(const IpPacket& packet) {
  Reader reader(packet.payload);
  UdpDatagram datagram{};
  datagram.source_port = reader.u16();
  datagram.destination_port = reader.u16();
  const std::size_t length = reader.u16();
  const std::uint16_t checksum = reader.u16();
  datagram.data = reader.rest();
  if (!reader.ok() || length != packet.payload.size()) return std::nullopt;
  if (checksum == 0) return packet.source.is_v4() ? std::optional(datagram) : std::nullopt;
  ChecksumSum sum = pseudo_header_sum(packet.source, packet.destination, IpProtocol::udp, length);
  sum.add(packet.payload);
  if (!sum.verifies()) return std::nullopt;
  return datagram;
}

std::array<std::byte, udp_header_bytes> udp_header(const Endpoint& source, const Endpoint& destination, Bytes data) {
  std::array<std::byte, udp_header_bytes> header{};
  Writer writer(header);
  const std::size_t length = udp_header_bytes + data.size();
  writer.u16(source.port);
  writer.u16(destination.port);
  writer.u16(static_cast<std::uint16_t>(length));
  ChecksumSum sum = pseudo_header_sum(source.address, destination.address, IpProtocol::udp, length);
  sum.add(header);
  sum.add(data);
  const std::uint16_t checksum = sum.checksum();
  writer.u16(checksum == 0 ? 0xffff : checksum);  // zero would say "none"
  return header;
}

}  // namespace quoin::netstack
