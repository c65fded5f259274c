// A path in the form that Unix sockets take (struct sockaddr_un).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

namespace quoin::io {

struct UnixAddress {
  alignas(8) std::array<std::byte, 110> bytes{};  // sizeof(sockaddr_un)
  unsigned length = 0;

  static std::optional<UnixAddress> of(const std::string& path);  // nothing if it is empty or longer than 107 bytes
};

}  // namespace quoin::io
