// After anything that may have changed a flow: what is there to tell its owner, when does it want to be woken, what may
// it buffer, has it something to send.
//
// The memory budget. What counts is what is allocated. A flow may buffer half of what is free, in each direction, so
// that few flows get much, many get little, and one more always finds something. One part in eight is kept from
// buffers, so that a new flow finds its floor (itself, and the smallest ring of each direction) when others have taken
// the rest; a flow whose floor does not fit is not opened. Above the floor nothing is allocated that there is no room
// for: received payload is dropped as if the path had lost it (its acknowledgment still counts), and the writer is told
// to wait. What TCP remembers about segments in flight is counted, and bounded by itself.
#include <algorithm>
#include <bit>
#include <cassert>

#include "netstack/rooms.h"

namespace quoin::netstack {
namespace {

CloseReason reason_of(tcp::CloseReason reason) {
  switch (reason) {
    case tcp::CloseReason::finished: return CloseReason::finished;
    case tcp::CloseReason::reset: return CloseReason::reset_by_peer;
    case tcp::CloseReason::refused: return CloseReason::refused;
    case tcp::CloseReason::timed_out: return CloseReason::timed_out;
    case tcp::CloseReason::aborted: return CloseReason::aborted;
  }
  return CloseReason::aborted;
}

std::size_t bytes_to_charge(const tcp::Connection& connection) {
  const std::size_t sending = connection.sender().queue().memory_used() == 0 ? tcp::Ring::capacity_min : 0;
  const std::size_t receiving = connection.receiver().memory_used() == 0 ? tcp::Ring::capacity_min : 0;
  return connection.memory_used() + sending + receiving;
}

std::size_t ring_bytes(std::size_t content) {
  return std::bit_ceil(std::max(content, tcp::Ring::capacity_min));
}

}  // namespace

std::size_t Stack::Rooms::fair_bytes() const {
  return std::clamp(bytes_for_buffers() / 2, flow_bytes_min, flow_bytes_max);
}

// Whether the ring can grow as far as this payload needs. Written so that it never says yes wrongly.
bool Stack::Rooms::room_for(const tcp::Connection& connection, const tcp::Segment& segment) const {
  const tcp::Receiver& receiver = connection.receiver();
  const tcp::Position begin = receiver.next() - receiver.readable_bytes();
  const tcp::Position start = tcp::unwrap(receiver.next(), segment.sequence);
  const tcp::Position end = std::min(start + segment.payload_bytes(), receiver.window_edge());
  if (end <= receiver.next()) return true;
  const std::size_t needed = ring_bytes(static_cast<std::size_t>(end - begin));
  // The receiver counts what it remembers of early ranges as well, at most as much as this:
  constexpr std::size_t slack = tcp::Receiver::early_ranges_max * 2 * sizeof(tcp::Position);
  if (needed == tcp::Ring::capacity_min || needed + slack <= receiver.memory_used()) return true;
  return needed <= bytes_for_buffers();
}

std::size_t Stack::Rooms::room_to_write(const tcp::Connection& connection) const {
  const tcp::SendQueue& queue = connection.sender().queue();
  const std::size_t capacity = std::max(queue.memory_used(), tcp::Ring::capacity_min);
  const std::size_t needed = ring_bytes(queue.size() + write_bytes_max);
  if (needed <= capacity || needed <= bytes_for_buffers()) return write_bytes_max;
  return capacity - queue.size();
}

std::array<MutableBytes, 2> Stack::Rooms::write_space(FlowId id, TcpFlow& tcp) {
  Flow& flow = *find(id);
  const std::size_t room = room_to_write(tcp.connection);
  if (room == 0) {
    flow.wants_room = true;
    return {};
  }
  const auto space = tcp.connection.write_space(room);
  charge(flow, bytes_to_charge(tcp.connection));
  return space;
}

void Stack::Rooms::charge(Flow& flow, std::size_t bytes) {
  bytes_used += bytes;
  bytes_used -= flow.bytes_charged;
  flow.bytes_charged = bytes;
}

void Stack::Rooms::attend(FlowId id, Instant now) {
  Flow* flow = find(id);
  if (flow == nullptr) return;
  if (auto* tcp = std::get_if<TcpFlow>(&flow->state)) {
    const bool worth_it = tcp->connection.memory_used() >= quiet_bytes_min;
    tcp->quiet_at = worth_it ? std::optional(now + quiet_time) : std::nullopt;
    attend_tcp(id, *flow, *tcp, now);
  } else if (auto* udp = std::get_if<UdpFlow>(&flow->state)) {
    attend_udp(id, *flow, *udp);
  }
}

void Stack::Rooms::attend_tcp(FlowId id, Flow& flow, TcpFlow& tcp, Instant now) {
  tcp::Connection& connection = tcp.connection;
  while (const auto event = connection.poll_event()) {
    switch (event->kind) {
      case tcp::EventKind::connected: flow.untold.connected = true; break;
      case tcp::EventKind::readable: flow.untold.readable = true; break;
      case tcp::EventKind::writable: flow.untold.writable = true; break;
      case tcp::EventKind::peer_finished: flow.untold.peer_finished = true; break;
      case tcp::EventKind::missing: flow.untold.missing = event->missing; break;
      case tcp::EventKind::closed: {
        const FlowKey key = table.key(id);
        const auto wait = connection.time_wait();
        send_last_words(key, tcp, now);
        end(id, reason_of(event->reason));
        if (wait) time_waits.add(key, *wait);
        return;
      }
    }
  }
  charge(flow, bytes_to_charge(connection));
  const std::size_t limit = fair_bytes();
  connection.set_receive_limit(limit);
  connection.set_send_limit(limit);
  if (flow.wants_room && room_to_write(connection) > 0) {
    flow.wants_room = false;
    flow.untold.writable = true;
  }
  tell(id, flow);
  outbox.add_flow(table.key(id).remote.address, id.index);
  set_timer(id, tcp);
}

void Stack::Rooms::set_timer(FlowId id, const TcpFlow& tcp) {
  std::optional<Instant> deadline = tcp.connection.poll_timeout();
  if (tcp.quiet_at && (!deadline || *tcp.quiet_at < *deadline)) deadline = tcp.quiet_at;
  if (deadline) {
    timers.set(id.index, *deadline);
  } else {
    timers.clear(id.index);
  }
}

// A connection that is over may still have a reset or an acknowledgment to send; they need nothing of it any more.
void Stack::Rooms::send_last_words(const FlowKey& key, TcpFlow& tcp, Instant now) {
  tcp.rest.reset();
  while (const auto segment = tcp.connection.poll_transmit(now)) {
    assert(segment->payload_bytes() == 0);
    send(key.remote.address, bare_packet(key, *segment));
  }
}

void Stack::Rooms::attend_udp(FlowId id, Flow& flow, UdpFlow& udp) {
  charge(flow, udp.bytes());
  if (udp.accepted && !udp.in.empty() && !flow.told_readable) {
    flow.told_readable = true;
    flow.untold.readable = true;
  }
  tell(id, flow);
  if (!udp.out.empty()) outbox.add_flow(table.key(id).remote.address, id.index);
}

}  // namespace quoin::netstack
