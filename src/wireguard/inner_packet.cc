#include "wireguard/inner_packet.h"

namespace quoin::wireguard {
namespace {

constexpr std::size_t v4_header_bytes = 20;
constexpr std::size_t v6_header_bytes = 40;

}  // namespace

std::optional<InnerPacket> InnerPacket::parse(Bytes padded) {
  if (padded.empty()) return std::nullopt;
  const unsigned version = std::to_integer<unsigned>(padded[0]) >> 4;
  if (version == 4 && padded.size() >= v4_header_bytes) {
    const std::size_t length = Reader(padded.subspan(2)).u16();
    if (length < v4_header_bytes || length > padded.size()) return std::nullopt;
    return InnerPacket{IpAddress::v4(Reader(padded.subspan(12)).array<4>()), length};
  }
  if (version == 6 && padded.size() >= v6_header_bytes) {
    const std::size_t length = v6_header_bytes + Reader(padded.subspan(4)).u16();
    if (length > padded.size()) return std::nullopt;
    return InnerPacket{IpAddress::v6(Reader(padded.subspan(8)).array<16>()), length};
  }
  return std::nullopt;
}

}  // namespace quoin::wireguard
