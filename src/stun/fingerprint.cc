#include "stun/fingerprint.h"

#include <array>

namespace quoin::stun {
namespace {

// CRC-32 as in ITU-T V.42: reflected, polynomial 0x04c11db7, one table entry per byte value.
constexpr std::array<std::uint32_t, 256> crc_of_byte = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); byte++) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
    table[byte] = crc;
  }
  return table;
}();

}  // namespace

std::uint32_t fingerprint(Bytes message_before) {
  std::uint32_t crc = 0xffffffffu;
  for (const std::byte byte : message_before) {
    crc = crc_of_byte[(crc ^ static_cast<std::uint32_t>(byte)) & 0xff] ^ (crc >> 8);
  }
  return (crc ^ 0xffffffffu) ^ 0x5354554eu;
}

}  // namespace quoin::stun
