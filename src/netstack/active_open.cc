#include "netstack/active_open.h"

#include <algorithm>
#include <utility>

#include "netstack/rooms.h"
#include "netstack/tcp/active_open.h"

namespace quoin::netstack {
namespace {

// RFC 6335, section 6. Ports start at a random one and go on from there (RFC 6056, section 3.3.2).
constexpr std::uint16_t first_port = 49'152;
constexpr std::uint32_t ports = 16'384;

}  // namespace

Result<FlowId, OpenRefusal> ActiveOpen::open(Stack& stack, std::uint8_t protocol, const Endpoint& remote, Instant now) {
  Stack::Rooms& rooms = *stack.rooms_;
  const auto local = std::ranges::find(rooms.addresses, remote.address.version(), &IpAddress::version);
  if (local == rooms.addresses.end()) return failure(OpenRefusal::no_address);
  if (rooms.full(protocol) || !rooms.room_for_flow()) return failure(OpenRefusal::too_many);
  const std::uint32_t start = static_cast<std::uint32_t>(rooms.random.below(ports));
  for (std::uint32_t tried = 0; tried < ports; tried++) {
    const auto port = static_cast<std::uint16_t>(first_port + (start + tried) % ports);
    const FlowKey key{protocol, {*local, port}, remote};
    if (rooms.table.find(key) || rooms.time_waits.find(key) != nullptr) continue;
    Flow flow{.state = Ended{}};
    if (protocol == IpProtocol::tcp) {
      flow.state = TcpFlow{tcp::connect(rooms.connection_config(key, now), now), {}, {}};
    } else {
      UdpFlow& udp = flow.state.emplace<UdpFlow>();
      udp.service_port = remote.port;
      udp.accepted = true;
      udp.last_passed = now;
    }
    const FlowId id = *rooms.open(key, std::move(flow));
    if (const auto* udp = rooms.find<UdpFlow>(id)) rooms.timers.set(id.index, udp->idle_at());
    rooms.attend(id, now);
    return id;
  }
  return failure(OpenRefusal::no_port);
}

Result<FlowId, OpenRefusal> ActiveOpen::connect(Stack& stack, const Endpoint& remote, Instant now) {
  return open(stack, IpProtocol::tcp, remote, now);
}

Result<FlowId, OpenRefusal> ActiveOpen::open_datagrams(Stack& stack, const Endpoint& remote, Instant now) {
  return open(stack, IpProtocol::udp, remote, now);
}

}  // namespace quoin::netstack
