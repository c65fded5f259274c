// Whatever packets a tunnel's peer sends: nothing crashes, what leaves is well formed and goes back to where something
// came from, limits hold, and no deadline stays in the past.
//
// The input is a list of packets: u8 how, u16 length, bytes. How: bit 0 repairs the checksums and puts addresses in
// that the stack takes, so that the input reaches the layers behind them (of some it makes fragments); bit 1 ends the
// burst; bits 2 to 4 let time pass; bits 5 to 7 say how the owner answers what came in.
#include <cassert>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "netstack/stack.h"
#include "netstack/wire/checksum.h"
#include "netstack/wire/ip.h"

namespace {

using namespace quoin;
using namespace quoin::netstack;

const IpAddress ours[] = {*IpAddress::parse("100.64.0.1"), *IpAddress::parse("fd7a:115c:a1e0::1")};
const IpAddress peers[] = {*IpAddress::parse("100.64.0.2"), *IpAddress::parse("fd7a:115c:a1e0::2")};

std::size_t checksum_place(std::uint8_t protocol) {
  switch (protocol) {
    case IpProtocol::tcp: return 16;
    case IpProtocol::udp: return 6;
    default: return 2;
  }
}

// Makes of any bytes a packet that is refused, if at all, for what it says.
void repair(MutableBytes packet) {
  if (packet.empty()) return;
  const bool v4 = (std::to_integer<unsigned>(packet[0]) & 0x20) == 0;
  const std::size_t header_bytes = v4 ? ipv4_header_bytes : ipv6_header_bytes;
  if (packet.size() < header_bytes) return;
  constexpr std::uint8_t protocols[] = {IpProtocol::tcp, IpProtocol::tcp, IpProtocol::udp, IpProtocol::icmp,
                                        IpProtocol::tsmp};
  std::uint8_t protocol = protocols[std::to_integer<unsigned>(packet[1]) % 5];
  if (!v4 && protocol == IpProtocol::icmp) protocol = IpProtocol::icmpv6;
  const std::size_t payload_bytes = packet.size() - header_bytes;
  const bool is_fragment = (std::to_integer<unsigned>(packet[2]) & 0xe0) == 0xe0;  // nothing but its header is repaired
  const unsigned part = std::to_integer<unsigned>(packet[3]);
  write_ip_header(packet, {.source = peers[!v4],
                           .destination = ours[!v4],
                           .protocol = !v4 && is_fragment ? std::uint8_t{44} : protocol,
                           .payload_bytes = payload_bytes,
                           .identification = static_cast<std::uint16_t>(part & 1),
                           .dont_fragment = !is_fragment,
                           .more_fragments = is_fragment && (part & 2) != 0,
                           .fragment_offset = is_fragment ? (part & 0xfc) * std::size_t{8} : 0});
  if (is_fragment) return;
  const MutableBytes payload = packet.subspan(header_bytes);
  const std::size_t place = checksum_place(protocol);
  if (protocol == IpProtocol::tsmp || payload.size() < place + 2) return;
  if (protocol == IpProtocol::udp) Writer(payload.subspan(4)).u16(static_cast<std::uint16_t>(payload.size()));
  Writer(payload.subspan(place)).u16(0);
  ChecksumSum sum;
  if (protocol != IpProtocol::icmp) sum = pseudo_header_sum(peers[!v4], ours[!v4], protocol, payload.size());
  sum.add(payload);
  Writer(payload.subspan(place)).u16(sum.checksum());
}

void check_outgoing(Bytes packet) {
  assert(packet.size() <= 1'280);
  const auto parsed = parse_ip(packet);
  if (!parsed) {
    assert(parsed.error() == IpRefusal::fragment && packet[0] == std::byte{0x45});
    return;
  }
  assert(parsed->whole().size() == packet.size());
  assert(parsed->source == ours[0] || parsed->source == ours[1]);
  // ICMP and TCP checksums are right.
  ChecksumSum sum;
  if (parsed->protocol == IpProtocol::tsmp) return;
  if (parsed->protocol != IpProtocol::icmp) {
    sum = pseudo_header_sum(parsed->source, parsed->destination, parsed->protocol, parsed->payload.size());
  }
  sum.add(parsed->payload);
  assert(sum.verifies());
}

void answer(Stack& stack, const StackEvent& event, unsigned how, Instant now) {
  if (const auto* incoming = std::get_if<Incoming>(&event)) {
    switch (how) {
      case 0: stack.refuse(incoming->flow, Refusal::reset); break;
      case 1: stack.refuse(incoming->flow, Refusal::host_unreachable); break;
      case 2: break;  // left waiting
      default:
        stack.accept(incoming->flow, now);
        if (incoming->transport == Transport::udp) {
          const std::array<std::byte, 2'000> reply{};
          (void)stack.send_datagram(incoming->flow, Bytes(reply).first(how * 250), now);
        }
    }
  } else if (const auto* readable = std::get_if<Readable>(&event)) {
    const auto spans = stack.readable(readable->flow);
    const std::size_t length = spans[0].size() + spans[1].size();
    stack.consume(readable->flow, how == 3 ? length / 2 : length, now);
    while (stack.receive_datagram(readable->flow, now)) {
    }
    const std::size_t room = stack.write_space(readable->flow)[0].size();
    stack.commit(readable->flow, std::min<std::size_t>(room, how * 1'000), now);
  } else if (const auto* finished = std::get_if<PeerFinished>(&event)) {
    if (how == 4) {
      stack.abort(finished->flow, now);
    } else {
      stack.finish(finished->flow, now);
    }
  } else if (const auto* echo = std::get_if<EchoRequest>(&event)) {
    if (how != 2) stack.answer_echo(echo->echo);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  StackConfig config;
  config.flows_max = 12;
  config.pending_max = 6;
  config.memory_bytes_max = 256 << 10;
  SeededRandom random(1);
  Instant now{seconds(1)};
  Stack stack(config, random, now);
  stack.set_addresses({ours[0], ours[1]});
  PacketBatch batch(1'280);

  Reader input(std::as_bytes(std::span(data, size)));
  std::vector<Buffer> burst;
  while (input.remaining() > 0) {
    const unsigned how = input.u8();
    const std::size_t length = input.u16() % 1'600;
    burst.push_back(to_buffer(input.take(std::min(length, input.remaining()))));
    if ((how & 1) != 0) repair(burst.back());
    if ((how & 2) == 0 && input.remaining() > 0 && burst.size() < 64) continue;

    const std::vector<MutableBytes> packets(burst.begin(), burst.end());
    stack.handle_burst(packets, now);
    burst.clear();
    constexpr Duration steps[] = {Duration(0), milliseconds(1), milliseconds(50), seconds(1),
                                  seconds(5),  seconds(31),     minutes(3),       hours(1)};
    const auto settle = [&] {
      while (const auto event = stack.poll_event()) answer(stack, *event, how >> 5, now);
      while (stack.poll_transmit(batch, now)) {
        for (std::size_t i = 0; i < batch.size(); i++) check_outgoing(batch.packet(i));
        batch.clear();
      }
      while (const auto event = stack.poll_event()) answer(stack, *event, how >> 5, now);
      assert(stack.flows() <= config.flows_max);
      assert(stack.memory_bytes() <= config.memory_bytes_max);
    };
    settle();
    now += steps[how >> 2 & 7];
    stack.handle_timeout(now);
    settle();
    const auto deadline = stack.poll_timeout();
    assert(!deadline || *deadline > now);
  }
  return 0;
}
