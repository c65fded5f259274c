// What the owner of a stack says about a flow that waited, and how a flow is broken off.
#include <utility>

#include "netstack/rooms.h"
#include "netstack/tcp/reset.h"
#include "netstack/wire/icmp.h"

namespace quoin::netstack {
namespace {

struct ReadSyn {  // what was kept of a SYN has been read before
  IpPacket packet;
  tcp::ParsedPacket parsed;
  std::array<Bytes, 1> payload;

  explicit ReadSyn(const PendingOpen& pending)
      : packet(*parse_ip(pending.syn_packet)), parsed(*tcp::parse_packet(packet.payload)), payload{parsed.payload} {}
  tcp::Segment segment() const {
    return {.sequence = parsed.header.sequence,
            .acknowledgment = parsed.header.acknowledgment,
            .flags = parsed.header.flags,
            .window = parsed.header.window,
            .options = parsed.header.options,
            .payload = payload};
  }
};

constexpr tcp::Keepalive keepalive_of_accepted = {
    .idle = seconds(15), .interval = seconds(5), .early = milliseconds(500), .probes_max = 4};

IcmpUnreachable complaint(Refusal refusal) {
  switch (refusal) {
    case Refusal::host_unreachable: return IcmpUnreachable::host;
    case Refusal::administratively_prohibited: return IcmpUnreachable::prohibited;
    case Refusal::port_unreachable:
    case Refusal::reset:
    case Refusal::silent: break;
  }
  return IcmpUnreachable::port;
}

}  // namespace

tcp::Config Stack::Rooms::connection_config(const FlowKey& key, Instant now) const {
  tcp::Config made;
  made.initial_sequence = initial_sequence_.sequence(key.local, key.remote, now);
  made.timestamp_offset = initial_sequence_.timestamp_offset(key.local.address, key.remote.address);
  made.mss = config.mtu - ip_header_bytes(key.local.address.version()) - tcp::header_bytes_min;
  made.receive_limit = made.send_limit = flow_bytes_max;  // attend lowers it; the window scale is chosen for this
  if (config.keepalive) made.keepalive = keepalive_of_accepted;
  return made;
}

bool Stack::Rooms::accept(FlowId id, Instant now) {
  Flow* flow = find(id);
  if (flow == nullptr || !flow->pending()) return false;
  if (std::holds_alternative<PendingOpen>(flow->state) && !room_for_flow()) {
    statistics.flows_full++;
    refuse(id, Refusal::reset);
    return false;
  }
  pending_--;
  if (auto* udp = std::get_if<UdpFlow>(&flow->state)) {
    udp->accepted = true;
    udp->last_passed = now;
    timers.set(id.index, udp->idle_at());
  } else {
    const ReadSyn read(std::get<PendingOpen>(flow->state));
    const auto syn = tcp::Syn::from(read.segment());
    tcp::Connection connection = tcp::Connection::accept(*syn, connection_config(table.key(id), now), now);
    flow->state = TcpFlow{std::move(connection), {}, {}};
  }
  attend(id, now);
  return true;
}

void Stack::Rooms::answer_syn(FlowId id, const PendingOpen& pending, Refusal refusal) {
  if (refusal == Refusal::silent) return;
  const ReadSyn read(pending);
  const FlowKey& key = table.key(id);
  if (refusal != Refusal::reset) {
    send(key.remote.address, icmp_unreachable(complaint(refusal), read.packet));
  } else if (const auto reset = tcp::reset_for(read.segment())) {
    send(key.remote.address, bare_packet(key, *reset));
  }
}

void Stack::Rooms::refuse(FlowId id, Refusal refusal) {
  Flow* flow = find(id);
  if (flow == nullptr || !flow->pending()) return;
  if (const auto* pending = std::get_if<PendingOpen>(&flow->state)) {
    answer_syn(id, *pending, refusal);
  } else if (refusal != Refusal::silent) {
    if (auto error = complaint_about(id, std::get<UdpFlow>(flow->state), complaint(refusal))) {
      send(table.key(id).remote.address, *std::move(error));
    }
  }
  forget(id);
}

// None: nothing came in, on a flow that was opened from here.
std::optional<Buffer> Stack::Rooms::complaint_about(FlowId id, const UdpFlow& udp, IcmpUnreachable what) const {
  if (udp.last_packet.empty()) return std::nullopt;
  const FlowKey& key = table.key(id);
  const Bytes packet(udp.last_packet);
  const std::size_t header_bytes = ip_header_bytes(key.local.address.version());
  return icmp_unreachable(what, {.source = key.remote.address,
                                 .destination = key.local.address,
                                 .protocol = IpProtocol::udp,
                                 .hop_limit = 1,
                                 .header = packet.first(header_bytes),
                                 .payload = packet.subspan(header_bytes)});
}

void Stack::Rooms::abort(FlowId id, Instant now) {
  Flow* flow = find(id);
  if (flow == nullptr) return;
  if (flow->pending()) return refuse(id, Refusal::reset);
  if (auto* tcp = std::get_if<TcpFlow>(&flow->state)) {
    tcp->connection.abort(now);
    send_last_words(table.key(id), *tcp, now);
  }
  forget(id);
}

void Stack::Rooms::unreachable(FlowId id, Refusal why) {
  if (const auto* udp = find<UdpFlow>(id)) {
    if (auto error = complaint_about(id, *udp, complaint(why))) {
      send(table.key(id).remote.address, *std::move(error));
    }
    forget(id);
  }
}

// Over IPv6, and of nothing that we could send: so who asked hears that it is no use to wait.
void Stack::Rooms::answer_too_large(FlowId id, Instant now) {
  statistics.datagrams_out_too_large++;
  auto error = complaint_about(id, *find<UdpFlow>(id), IcmpUnreachable::prohibited);
  if (error) send_limited(table.key(id).remote.address, *std::move(error), now);
}

}  // namespace quoin::netstack
