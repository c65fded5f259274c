// An Endpoint in the form that the socket calls take (struct sockaddr_in or sockaddr_in6).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/address.h"

namespace quoin::io {

struct SocketAddress {
  static constexpr std::size_t bytes_max = 28;  // sockaddr_in6

  SocketAddress() = default;
  explicit SocketAddress(const Endpoint& endpoint);
  Endpoint endpoint() const;  // 0.0.0.0:0 when it is neither IPv4 nor IPv6

  alignas(8) std::array<std::byte, bytes_max> bytes{};
  std::uint32_t length = bytes_max;
};

}  // namespace quoin::io
