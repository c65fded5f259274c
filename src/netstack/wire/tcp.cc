#include "netstack/wire/tcp.h"

namespace quoin::netstack::tcp {

Result<ParsedPacket, HeaderError> parse_packet(Bytes packet) {
  if (packet.size() < header_bytes_min) return failure(HeaderError::truncated);
  Reader in(packet);
  ParsedPacket parsed;
  Header& header = parsed.header;
  header.source_port = in.u16();
  header.destination_port = in.u16();
  header.sequence = in.u32();
  header.acknowledgment = in.u32();
  const std::size_t length = std::size_t{4} * (in.u8() >> 4);
  header.flags = Flags::from_byte(in.u8());
  header.window = in.u16();
  if (length < header_bytes_min || length > packet.size()) return failure(HeaderError::bad_offset);
  if (header.source_port == 0 || header.destination_port == 0) return failure(HeaderError::bad_port);
  header.options = Options::parse(packet.subspan(header_bytes_min, length - header_bytes_min));
  parsed.payload = packet.subspan(length);
  return parsed;
}

std::size_t write_header(const Header& header, MutableBytes out) {
  const std::size_t length = header.length();
  Writer to(out.first(length));
  to.u16(header.source_port);
  to.u16(header.destination_port);
  to.u32(header.sequence);
  to.u32(header.acknowledgment);
  to.u8(static_cast<std::uint8_t>(length / 4 << 4));
  to.u8(header.flags.byte());
  to.u16(header.window);
  to.zeros(4);  // checksum and urgent pointer
  header.options.write(to.reserve(length - header_bytes_min));
  return length;
}

}  // namespace quoin::netstack::tcp
