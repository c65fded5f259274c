// The hardware address of a device on the customer's LAN (IEEE EUI-48).
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace quoin::gate {

class MacAddress {
 public:
  MacAddress() = default;  // all zero: none
  explicit MacAddress(const std::array<std::byte, 6>& bytes) : bytes_(bytes) {}
  static std::optional<MacAddress> parse(std::string_view text);  // "02:da:00:00:4d:15", or with '-' throughout

  bool is_one_device() const;  // neither zero nor a group address (broadcast, multicast)
  Bytes bytes() const { return bytes_; }
  std::string text() const;  // lower case, colons
  auto operator<=>(const MacAddress&) const = default;

 private:
  std::array<std::byte, 6> bytes_{};
};

std::string text_of(const std::vector<MacAddress>& macs);  // with commas between them

}  // namespace quoin::gate
