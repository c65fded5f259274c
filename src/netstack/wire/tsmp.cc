#include "netstack/wire/tsmp.h"

namespace quoin::netstack {

std::optional<Buffer> tsmp_pong(const IpPacket& ping) {
  constexpr std::uint8_t ping_type = 'p', pong_type = 'o';
  constexpr std::size_t token_bytes = 8, pong_bytes = 1 + token_bytes + 2;
  Reader reader(ping.payload);
  const std::uint8_t type = reader.u8();
  const Bytes token = reader.take(token_bytes);
  if (!reader.ok() || type != ping_type) return std::nullopt;
  const std::size_t header_bytes = ip_header_bytes(ping.source.version());
  Buffer packet(header_bytes + pong_bytes);
  write_ip_header(packet, {.source = ping.destination,
                           .destination = ping.source,
                           .protocol = IpProtocol::tsmp,
                           .payload_bytes = pong_bytes});
  Writer writer(MutableBytes(packet).subspan(header_bytes));
  writer.u8(pong_type);
  writer.put(token);
  writer.u16(0);
  return packet;
}

}  // namespace quoin::netstack
