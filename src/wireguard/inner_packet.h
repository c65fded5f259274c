// The little that WireGuard reads of a packet it has opened: where it says it comes from, and where its padding begins.
#pragma once

#include <cstddef>
#include <optional>

#include "base/address.h"
#include "base/bytes.h"

namespace quoin::wireguard {

struct InnerPacket {
  IpAddress source;
  std::size_t length;  // as the IP header has it; at most what was opened

  // Nothing if it is neither IPv4 nor IPv6, or longer than it is.
  static std::optional<InnerPacket> parse(Bytes padded);
};

}  // namespace quoin::wireguard
