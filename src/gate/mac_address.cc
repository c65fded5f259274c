#include "gate/mac_address.h"

namespace quoin::gate {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17 || (text[2] != ':' && text[2] != '-')) return std::nullopt;
  std::array<std::byte, 6> bytes;
  for (std::size_t i = 0; i < 6; i++) {
    if (i > 0 && text[i * 3 - 1] != text[2]) return std::nullopt;
    const auto byte = from_hex(text.substr(i * 3, 2));
    if (!byte) return std::nullopt;
    bytes[i] = byte->front();
  }
  return MacAddress(bytes);
}

bool MacAddress::is_one_device() const {
  return *this != MacAddress() && (bytes_[0] & std::byte{1}) == std::byte{0};
}

std::string MacAddress::text() const {
  std::string out;
  for (const std::byte byte : bytes_) {
    if (!out.empty()) out += ':';
    out += to_hex(Bytes(&byte, 1));
  }
  return out;
}

std::string text_of(const std::vector<MacAddress>& macs) {
  std::string out;
  for (const MacAddress& mac : macs) out += (out.empty() ? "" : ", ") + mac.text();
  return out;
}

}  // namespace quoin::gate
