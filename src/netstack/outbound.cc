// Packets out: from the outbox straight into the batch that is sealed in place.
#include <algorithm>
#include <cassert>

#include "netstack/rooms.h"

namespace quoin::netstack {

// Over IPv4 what is longer than the mtu leaves in fragments, all of them or none.
void Stack::Rooms::send(const IpAddress& destination, Buffer packet) {
  if (packet.size() <= config.mtu) {
    if (!outbox.push(destination, std::move(packet))) statistics.answers_full++;
    return;
  }
  assert(destination.is_v4());
  std::vector<Buffer> fragments = ipv4_fragments(packet, config.mtu, next_identification_++);
  if (fragments.size() > outbox.room()) {
    statistics.answers_full++;
    return;
  }
  for (Buffer& fragment : fragments) outbox.push(destination, std::move(fragment));
}

void Stack::Rooms::send_limited(const IpAddress& destination, Buffer packet, Instant now) {
  if (answers_.take(now)) {
    send(destination, std::move(packet));
  } else {
    statistics.answers_limited++;
  }
}

bool Stack::Rooms::poll_transmit(PacketBatch& out, Instant now) {
  assert(out.mtu() >= config.mtu);
  const std::size_t before = out.size();
  bool full = false;
  while (!full) {
    Outbox::Line* line = outbox.next_line();
    if (line == nullptr) break;
    full = serve(*line, out, now);
  }
  statistics.packets_out += out.size() - before;
  return out.size() > before;
}

// True: the batch is full. Room for less than a whole packet counts as none.
bool Stack::Rooms::serve(Outbox::Line& line, PacketBatch& out, Instant now) {
  while (!line.packets.empty()) {
    if (!out.fits(config.mtu)) return true;
    const Buffer packet = outbox.pop_packet(line);
    std::ranges::copy(packet, out.append(packet.size()).begin());
  }
  while (!line.flows.empty()) {
    if (!out.fits(config.mtu)) return true;
    const std::uint32_t place = outbox.pop_flow(line);
    switch (transmit(table.at(place), out, now)) {
      case Said::all: break;
      case Said::a_segment: outbox.put_back(line, place); break;
      case Said::part: outbox.put_front(line, place); return true;
    }
  }
  return false;
}

Stack::Rooms::Said Stack::Rooms::transmit(FlowId id, PacketBatch& out, Instant now) {
  Flow* flow = find(id);
  if (flow == nullptr) return Said::all;
  const FlowKey& key = table.key(id);
  if (auto* tcp = std::get_if<TcpFlow>(&flow->state)) {
    if (!tcp->rest) {
      const auto segment = tcp->connection.poll_transmit(now);
      set_timer(id, *tcp);
      if (!segment) return Said::all;
      tcp->rest = UnsentRest{*segment};
    }
    if (cut_into(out, key, tcp->connection.sender().queue(), *tcp->rest)) return Said::part;
    tcp->rest.reset();
    return Said::a_segment;
  }
  if (auto* udp = std::get_if<UdpFlow>(&flow->state)) {
    const bool part = udp->transmit(key, config.mtu, out, next_identification_);
    charge(*flow, udp->bytes());
    if (part) return Said::part;
    if (std::exchange(flow->wants_room, false)) {
      flow->untold.writable = true;
      tell(id, *flow);
    }
  }
  return Said::all;
}

}  // namespace quoin::netstack
