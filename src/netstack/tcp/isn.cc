#include "netstack/tcp/isn.h"

#include <array>

namespace quoin::netstack::tcp {

namespace {

constexpr Duration tick = microseconds(4);

void put(Writer& to, const IpAddress& address) {
  to.u8(address.is_v4() ? 4 : 6);
  to.put(address.bytes());
}

}  // namespace

std::uint32_t InitialSequence::sequence(const Endpoint& local, const Endpoint& remote, Instant now) const {
  std::array<std::byte, 38> flow;
  Writer to(flow);
  put(to, local.address);
  to.u16(local.port);
  put(to, remote.address);
  to.u16(remote.port);
  return static_cast<std::uint32_t>(now.since_zero / tick) + static_cast<std::uint32_t>(sequence_key_(to.bytes()));
}

std::uint32_t InitialSequence::timestamp_offset(const IpAddress& local, const IpAddress& remote) const {
  std::array<std::byte, 34> pair;
  Writer to(pair);
  put(to, local);
  put(to, remote);
  return static_cast<std::uint32_t>(timestamp_key_(to.bytes()));
}

}  // namespace quoin::netstack::tcp
