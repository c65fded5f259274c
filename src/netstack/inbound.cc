// Packets in: what is refused at the door, and everything that is not TCP.
#include <algorithm>

#include "netstack/rooms.h"
#include "netstack/wire/icmp.h"
#include "netstack/wire/tsmp.h"
#include "netstack/wire/udp.h"

namespace quoin::netstack {
namespace {

constexpr std::size_t path_mtu_min_v4 = 576;    // RFC 1122, section 3.3.3
constexpr std::size_t path_mtu_min_v6 = 1'280;  // RFC 8200, section 5

bool is_among(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

// Neither unspecified nor loopback, multicast, broadcast or reserved. Asked of every packet, so by its bytes.
bool may_be_a_host(const IpAddress& address) {
  const Bytes bytes = address.bytes();
  const auto first = std::to_integer<std::uint8_t>(bytes[0]);
  if (address.is_v4()) return first != 0 && first != 127 && first < 224;
  if (first == 0xff) return false;
  // :: and ::1
  const bool zeros = std::ranges::all_of(bytes.first(15), [](std::byte byte) { return byte == std::byte{0}; });
  return !zeros || std::to_integer<std::uint8_t>(bytes[15]) > 1;
}

}  // namespace

void Stack::Rooms::set_addresses(std::vector<IpAddress> now_ours) {
  const auto stays = [&](const IpAddress& address) { return is_among(now_ours, address); };
  for (std::uint32_t place = 0; place < table.places(); place++) {
    const FlowId id = table.at(place);
    if (table.linked(id) && !stays(table.key(id).local.address)) end(id, CloseReason::address_removed);
  }
  for (const IpAddress& address : addresses) {
    if (stays(address)) continue;
    time_waits.remove_address(address);
    echoes.clear(address);
    reassembly.remove_of(address);
  }
  addresses = std::move(now_ours);
}

void Stack::Rooms::handle_burst(std::span<const MutableBytes> packets, Instant now) {
  for (const MutableBytes packet : packets) handle_packet(packet, now);
  end_run(now);
}

void Stack::Rooms::handle_packet(Bytes bytes, Instant now) {
  statistics.packets_in++;
  const auto packet = parse_ip(bytes);
  if (!packet && packet.error() == IpRefusal::fragment) return handle_fragment(bytes, now);
  if (!packet) {
    statistics.refused[static_cast<std::size_t>(packet.error())]++;
    return;
  }
  if (is_for_us(*packet)) handle_whole(*packet, now);
}

void Stack::Rooms::handle_whole(const IpPacket& packet, Instant now) {
  const bool v4 = packet.source.is_v4();
  if (packet.protocol == IpProtocol::tcp) return handle_tcp(packet, now);
  end_run(now);  // so that flows see each other's packets in the order of the burst
  if (packet.protocol == IpProtocol::udp) return handle_udp(packet, now);
  if (packet.protocol == (v4 ? IpProtocol::icmp : IpProtocol::icmpv6)) return handle_icmp(packet, now);
  if (packet.protocol == IpProtocol::tsmp) return handle_tsmp(packet, now);
  statistics.unknown_protocol++;
}

bool Stack::Rooms::is_for_us(const IpPacket& packet) {
  if (!is_among(addresses, packet.destination)) {
    statistics.other_destination++;
    return false;
  }
  if (is_among(addresses, packet.source) || !may_be_a_host(packet.source)) {
    statistics.impossible_source++;
    return false;
  }
  return true;
}

void Stack::Rooms::handle_udp(const IpPacket& packet, Instant now) {
  const auto datagram = parse_udp(packet);
  if (!datagram) {
    statistics.bad_transport++;
    return;
  }
  if (datagram->source_port == 0 || datagram->destination_port == 0) {
    statistics.port_zero++;
    return;
  }
  const FlowKey key{
      IpProtocol::udp, {packet.destination, datagram->destination_port}, {packet.source, datagram->source_port}};
  auto id = table.find(key);
  if (!id) {
    if (pending_full(IpProtocol::udp)) {
      statistics.pending_full++;
      return lose(IncomingLost{Transport::udp, key.local, key.remote});
    }
    Flow flow{.state = UdpFlow()};
    std::get<UdpFlow>(flow.state).service_port = key.local.port;
    flow.untold.incoming = true;
    id = open(key, std::move(flow));
    if (!id) return lose(IncomingLost{Transport::udp, key.local, key.remote});
    timers.set(id->index, now + config.pending_lifetime);
  }
  UdpFlow& udp = *find<UdpFlow>(*id);
  udp.last_passed = now;
  const Bytes whole = packet.whole();
  const Bytes quote = whole.first(std::min(whole.size(), icmp_quote_bytes_max(packet.source.version())));
  if (!udp.in.fits(datagram->data.size()) || datagram->data.size() + quote.size() > bytes_for_buffers()) {
    statistics.datagrams_in_dropped++;
  } else {
    udp.in.push(to_buffer(datagram->data));
    udp.last_packet = to_buffer(quote);
  }
  attend(*id, now);
}

void Stack::Rooms::handle_icmp(const IpPacket& packet, Instant now) {
  const auto message = parse_icmp(packet);
  if (!message) {
    statistics.bad_transport++;
  } else if (const auto* error = std::get_if<IcmpError>(&*message)) {
    const bool concerns_a_flow = handle_icmp_error(packet, *error, now);
    (concerns_a_flow ? statistics.icmp_errors_in : statistics.icmp_ignored)++;
  } else if (const auto* echo = std::get_if<IcmpEcho>(&*message); echo != nullptr && !echo->reply) {
    statistics.echo_requests++;
    // A reply is as long as its request; one that could not leave is not asked for.
    if (packet.source.is_v6() && packet.whole().size() > config.mtu) {
      statistics.echo_requests_dropped++;
      lose(EchoRequestLost{packet.destination, packet.source, EchoLoss::too_large});
      return send_limited(packet.source, icmp_unreachable(IcmpUnreachable::prohibited, packet), now);
    }
    for (const auto& oldest : echoes.add(packet.destination, packet.source, echo->body)) {
      statistics.echo_requests_dropped++;
      if (!oldest.told) lose(EchoRequestLost{oldest.local, oldest.remote});
    }
  } else {
    statistics.icmp_ignored++;
  }
}

// RFC 5927, section 4: an error is believed only from the host that it is about, and of TCP only about bytes in flight.
// Even then it changes nothing about a connection that exists (a soft error: the timers decide); an open that nobody
// has answered yet ends.
bool Stack::Rooms::handle_icmp_error(const IpPacket& packet, const IcmpError& error, Instant now) {
  if (error.what == IcmpUnreachable::too_big) return handle_too_big(error, now);
  if (error.destination != packet.source || error.source != packet.destination) return false;
  const FlowKey key{error.protocol, {error.source, error.source_port}, {error.destination, error.destination_port}};
  const auto id = table.find(key);
  if (!id) return false;
  if (auto* tcp = find<TcpFlow>(*id)) {
    const tcp::Sender& sender = tcp->connection.sender();
    const tcp::Position position = tcp::unwrap(sender.una(), error.sequence);
    if (position < sender.una() || position > sender.sent_end()) return false;
    if (tcp->connection.state() == tcp::State::syn_sent) end(*id, CloseReason::unreachable);
    return true;
  }
  if (find<UdpFlow>(*id) == nullptr) return false;
  if (error.what == IcmpUnreachable::port) end(*id, CloseReason::port_unreachable);
  return true;
}

// RFC 1191 and RFC 8201, for TCP. Any router on the way may say it, behind a peer that routes for others, so it is
// believed from anywhere if it quotes bytes in flight (RFC 5927, section 7.2), and no lower than every path must carry.
bool Stack::Rooms::handle_too_big(const IcmpError& error, Instant now) {
  const FlowKey key{error.protocol, {error.source, error.source_port}, {error.destination, error.destination_port}};
  const auto id = table.find(key);
  auto* tcp = id ? find<TcpFlow>(*id) : nullptr;
  if (tcp == nullptr) return false;
  const tcp::Sender& sender = tcp->connection.sender();
  const tcp::Position position = tcp::unwrap(sender.una(), error.sequence);
  if (position < sender.una() || position >= sender.sent_end()) return false;
  const std::size_t mtu = std::max(error.mtu, error.source.is_v4() ? path_mtu_min_v4 : path_mtu_min_v6);
  tcp->connection.set_mss(mtu - ip_header_bytes(error.source.version()) - tcp::header_bytes_min);
  attend(*id, now);
  return true;
}

void Stack::Rooms::handle_tsmp(const IpPacket& packet, Instant now) {
  if (auto pong = tsmp_pong(packet)) {
    statistics.tsmp_pings++;
    send_limited(packet.source, std::move(*pong), now);
  } else {
    statistics.tsmp_ignored++;
  }
}

}  // namespace quoin::netstack
