// Which ports of the device a warrant opens.
#pragma once

#include <cstdint>
#include <vector>

namespace quoin::pair {

enum class Transport : std::uint8_t { tcp, udp };

struct PortRange {
  Transport transport;
  std::uint16_t first;
  std::uint16_t last;  // inclusive
  auto operator<=>(const PortRange&) const = default;
};

struct Services {
  std::vector<PortRange> ports;
  bool ping = false;

  bool allows(Transport transport, std::uint16_t port) const {
    for (const PortRange& range : ports) {
      if (range.transport == transport && range.first <= port && port <= range.last) return true;
    }
    return false;
  }
  bool operator==(const Services&) const = default;
};

}  // namespace quoin::pair
