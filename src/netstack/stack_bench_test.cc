#include "netstack/stack_bench_test.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "netstack/wire/checksum.h"

namespace quoin::netstack::testing {

Buffer ip_packet(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol, Bytes payload) {
  Buffer packet(ip_header_bytes(source.version()));
  write_ip_header(
      packet, {.source = source, .destination = destination, .protocol = protocol, .payload_bytes = payload.size()});
  append(packet, payload);
  return packet;
}

Buffer udp_packet(const Endpoint& source, const Endpoint& destination, Bytes data) {
  Buffer payload = to_buffer(udp_header(source, destination, data));
  append(payload, data);
  return ip_packet(source.address, destination.address, IpProtocol::udp, payload);
}

Buffer tcp_packet(const Endpoint& source, const Endpoint& destination, tcp::Header header, Bytes payload) {
  header.source_port = source.port;
  header.destination_port = destination.port;
  Buffer segment(header.length());
  tcp::write_header(header, segment);
  append(segment, payload);
  ChecksumSum sum = pseudo_header_sum(source.address, destination.address, IpProtocol::tcp, segment.size());
  sum.add(segment);
  Writer(MutableBytes(segment).subspan(tcp::checksum_offset)).u16(sum.checksum());
  return ip_packet(source.address, destination.address, IpProtocol::tcp, segment);
}

tcp::Header header_of(tcp::Flags flags, std::uint32_t sequence, std::uint32_t acknowledgment) {
  tcp::Header header;
  header.flags = flags;
  header.sequence = sequence;
  header.acknowledgment = acknowledgment;
  header.window = 65'535;
  return header;
}

Buffer syn_packet(const Endpoint& source, const Endpoint& destination, std::uint32_t sequence) {
  tcp::Header header = header_of({.syn = true}, sequence);
  header.options.mss = 1'240;
  return tcp_packet(source, destination, header);
}

std::optional<SentTcp> read_tcp(const Buffer& packet) {
  const auto ip = parse_ip(packet);
  if (!ip || ip->protocol != IpProtocol::tcp) return std::nullopt;
  ChecksumSum sum = pseudo_header_sum(ip->source, ip->destination, IpProtocol::tcp, ip->payload.size());
  sum.add(ip->payload);
  const auto parsed = tcp::parse_packet(ip->payload);
  if (!parsed || !sum.verifies()) return std::nullopt;
  return SentTcp{*ip, parsed->header, parsed->payload};
}

Buffer too_big_packet(const IpAddress& router, std::size_t mtu, Bytes about) {
  const IpAddress back = parse_ip(about).value().source;
  Buffer message = from_hex(router.is_v4() ? "0304000000000000" : "0200000000000000").value();
  Writer(MutableBytes(message).subspan(4)).u32(static_cast<std::uint32_t>(mtu));
  append(message, about.first(std::min<std::size_t>(about.size(), 200)));
  const std::uint8_t protocol = router.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6;
  ChecksumSum sum = router.is_v4() ? ChecksumSum() : pseudo_header_sum(router, back, protocol, message.size());
  sum.add(message);
  Writer(MutableBytes(message).subspan(2)).u16(sum.checksum());
  return ip_packet(router, back, protocol, message);
}

std::optional<IcmpError> read_unreachable(const Buffer& packet) {
  const auto ip = parse_ip(packet);
  if (!ip || (ip->protocol != IpProtocol::icmp && ip->protocol != IpProtocol::icmpv6)) return std::nullopt;
  const auto message = parse_icmp(*ip);
  if (!message || !std::holds_alternative<IcmpError>(*message)) return std::nullopt;
  return std::get<IcmpError>(*message);
}

Bench::Bench(StackConfig config, std::uint64_t seed) : random(seed), stack(config, random, now), mtu_(config.mtu) {
  stack.set_addresses({our_v4, our_v6});
}

void Bench::deliver(Buffer packet) {
  const MutableBytes burst[] = {packet};
  stack.handle_burst(burst, now);
}

void Bench::deliver(std::vector<Buffer> packets) {
  const std::vector<MutableBytes> burst(packets.begin(), packets.end());
  stack.handle_burst(burst, now);
}

std::vector<Buffer> Bench::sent() {
  std::vector<Buffer> packets;
  PacketBatch batch(mtu_);
  while (stack.poll_transmit(batch, now)) {
    for (std::size_t i = 0; i < batch.size(); i++) packets.push_back(to_buffer(batch.packet(i)));
    batch.clear();
  }
  return packets;
}

std::vector<StackEvent> Bench::events() {
  std::vector<StackEvent> told;
  while (auto event = stack.poll_event()) told.push_back(*event);
  return told;
}

void Bench::pass(Duration duration) {
  now += duration;
  stack.handle_timeout(now);
}

void Bench::expect_one(std::size_t count) {
  EXPECT_EQ(count, 1u) << "events of the kind that was asked for";
}

}  // namespace quoin::netstack::testing
