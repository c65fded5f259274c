#include "wireguard/source.h"

namespace quoin::wireguard {

std::array<std::byte, Source::cookie_bytes> Source::bytes_for_cookie() const {
  std::array<std::byte, cookie_bytes> out{};
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(place_.index()));
  if (const Endpoint* endpoint = udp()) {
    writer.put(endpoint->address.mapped());
    writer.u16(endpoint->port);
  } else if (const RelayedNode* node = relayed()) {
    writer.u16(node->region);
    writer.put(node->node.bytes());
  }
  return out;
}

std::array<std::byte, Source::limit_bytes> Source::bytes_for_limit() const {
  std::array<std::byte, limit_bytes> out{};
  Writer writer(out);
  if (const Endpoint* endpoint = udp()) {
    // Whoever has one IPv6 address usually has its whole /64.
    writer.u8(endpoint->address.is_v4() ? 4 : 6);
    writer.put(endpoint->address.bytes().first(endpoint->address.is_v4() ? 4 : 8));
  } else if (const RelayedNode* node = relayed()) {
    writer.u8(0);
    writer.put(node->node.bytes());
  }
  return out;
}

}  // namespace quoin::wireguard
