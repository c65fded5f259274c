// TCP segments in: joined into runs, then to their connection, to the SYN that waits, to TIME-WAIT, or answered with a
// reset because they belong to nothing (RFC 9293, section 3.10.7.1).
#include "netstack/rooms.h"
#include "netstack/tcp/reset.h"

namespace quoin::netstack {

void Stack::Rooms::handle_tcp(const IpPacket& packet, Instant now) {
  ChecksumSum sum = pseudo_header_sum(packet.source, packet.destination, IpProtocol::tcp, packet.payload.size());
  sum.add(packet.payload);
  const auto parsed = tcp::parse_packet(packet.payload);
  if (!parsed && parsed.error() == tcp::HeaderError::bad_port) {
    statistics.port_zero++;
    return;
  }
  if (!parsed || !sum.verifies()) {
    statistics.bad_transport++;
    return;
  }
  const FlowKey key{IpProtocol::tcp,
                    {packet.destination, parsed->header.destination_port},
                    {packet.source, parsed->header.source_port}};
  if (run_.join(key, *parsed)) {
    statistics.segments_joined++;
    return;
  }
  end_run(now);
  run_.start(key, *parsed, packet);
}

void Stack::Rooms::end_run(Instant now) {
  if (run_.empty()) return;
  const FlowKey& key = run_.key();
  const tcp::Segment segment = run_.segment();
  const IpPacket& packet = run_.first_packet();
  if (const auto id = table.find(key)) {
    if (auto* pending = find<PendingOpen>(*id)) {
      handle_pending(*id, *pending, segment, packet, now);
    } else {
      handle_segment(*id, *find<TcpFlow>(*id), segment, now);
    }
  } else if (const tcp::TimeWait* wait = time_waits.find(key)) {
    if (tcp::Syn::from(segment) && wait->may_reopen(segment)) {
      time_waits.remove(key);
      handle_syn(key, segment, packet, now);
    } else if (const auto answer = time_waits.handle_segment(key, segment, now)) {
      send_limited(key.remote.address, bare_packet(key, *answer), now);
    }
  } else if (tcp::Syn::from(segment)) {
    handle_syn(key, segment, packet, now);
  } else {
    handle_stray(key, segment, now);
  }
  run_.clear();
}

void Stack::Rooms::handle_segment(FlowId id, TcpFlow& tcp, const tcp::Segment& segment, Instant now) {
  if (segment.payload_bytes() > 0 && !room_for(tcp.connection, segment)) {
    statistics.payload_without_room++;
    tcp::Segment bare = segment;
    bare.payload = {};
    bare.flags.fin = false;
    tcp.connection.handle_segment(bare, now);
  } else {
    tcp.connection.handle_segment(segment, now);
  }
  attend(id, now);
}

void Stack::Rooms::handle_syn(const FlowKey& key, const tcp::Segment& segment, const IpPacket& packet, Instant now) {
  if (packet.whole().size() > config.mtu) {  // no client's: it would wait here with all that is in it
    statistics.syn_too_long++;
    return;
  }
  if (pending_full(IpProtocol::tcp)) {
    statistics.pending_full++;
    return lose(IncomingLost{Transport::tcp, key.local, key.remote});
  }
  if (!room_for_flow()) {
    statistics.flows_full++;
    return lose(IncomingLost{Transport::tcp, key.local, key.remote});
  }
  Flow flow{.state = PendingOpen{to_buffer(packet.whole()), segment.sequence}};
  flow.untold.incoming = true;
  const auto id = open(key, std::move(flow));
  if (!id) return lose(IncomingLost{Transport::tcp, key.local, key.remote});
  timers.set(id->index, now + config.pending_lifetime);
  tell(*id, *find(*id));
}

// The peer repeats itself while the device is being asked, or has given up, or has begun anew on the same port.
void Stack::Rooms::handle_pending(FlowId id, PendingOpen& pending, const tcp::Segment& segment, const IpPacket& packet,
                                  Instant now) {
  if (segment.flags.rst) {
    if (segment.sequence == pending.sequence + 1) end(id, CloseReason::reset_by_peer);
  } else if (!tcp::Syn::from(segment)) {
    handle_stray(table.key(id), segment, now);
  } else if (segment.sequence == pending.sequence) {
    statistics.syn_repeated++;
  } else if (packet.whole().size() > config.mtu) {
    statistics.syn_too_long++;
  } else {
    pending = PendingOpen{to_buffer(packet.whole()), segment.sequence};
  }
}

void Stack::Rooms::handle_stray(const FlowKey& key, const tcp::Segment& segment, Instant now) {
  statistics.stray_segments++;
  if (const auto reset = tcp::reset_for(segment)) send_limited(key.remote.address, bare_packet(key, *reset), now);
}

}  // namespace quoin::netstack
