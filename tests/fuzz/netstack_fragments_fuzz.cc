// Fragments in any order, overlapping, never whole, from several senders, with time passing: no byte of a datagram is
// another's or at another place, nothing is whole before all of it is there, bounds hold, and everything ends.
//
// The input is a list of fragments, five bytes each: u8 who, version and identification, u8 offset in units of 64, u8
// length in units of 8, u8 flags, u8 how much time passes. The bytes of a datagram follow from its name and the place,
// so that what is put together can be checked; a flag makes a fragment lie about one byte.
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

#include "netstack/reassembly.h"

namespace {

using namespace quoin;
using namespace quoin::netstack;

const IpAddress ours[] = {*IpAddress::parse("100.64.0.1"), *IpAddress::parse("fd7a:115c:a1e0::1")};
const IpAddress peers[2][2] = {{*IpAddress::parse("100.64.0.2"), *IpAddress::parse("fd7a:115c:a1e0::2")},
                               {*IpAddress::parse("100.64.0.3"), *IpAddress::parse("fd7a:115c:a1e0::3")}};

std::byte byte_at(unsigned name, std::size_t place) {
  return std::byte((place * 0x9e37'79b9'7f4a'7c15u + name * 0xff51'afd7'ed55'8ccdu) >> 57);  // never 0x80 and above
}

struct Packet {
  Buffer bytes;
  unsigned name;  // low bit: IPv6, next: the sender, then the identification
};

Packet read(Reader& input) {
  const unsigned name = input.u8();
  const bool v6 = (name & 1) != 0;
  const std::size_t offset = input.u8() * std::size_t{64};
  std::size_t length = input.u8() * std::size_t{8};
  const unsigned flags = input.u8();
  const bool more = (flags & 1) != 0;
  if (!more) length += flags >> 5;
  const std::uint8_t protocols[] = {IpProtocol::udp, IpProtocol::tcp, v6 ? IpProtocol::icmpv6 : IpProtocol::icmp,
                                    IpProtocol::udp};
  const std::uint8_t protocol = protocols[flags >> 1 & 3];
  const std::size_t header_bytes = v6 ? ipv6_header_bytes + ipv6_fragment_header_bytes : ipv4_header_bytes;
  Packet packet{Buffer(header_bytes + length), name};
  write_ip_header(packet.bytes, {.source = peers[name >> 1 & 1][v6],
                                 .destination = ours[v6],
                                 .protocol = v6 ? std::uint8_t{44} : protocol,
                                 .payload_bytes = packet.bytes.size() - (v6 ? ipv6_header_bytes : ipv4_header_bytes),
                                 .identification = static_cast<std::uint16_t>(name >> 2),
                                 .dont_fragment = false,
                                 .more_fragments = more,
                                 .fragment_offset = offset});
  if (v6) {
    Writer fragment(MutableBytes(packet.bytes).subspan(ipv6_header_bytes));
    fragment.u8(protocol);
    fragment.u8(0);
    fragment.u16(static_cast<std::uint16_t>(offset | (more ? 1 : 0)));
    fragment.u32(name >> 2);
  }
  for (std::size_t i = 0; i < length; i++) packet.bytes[header_bytes + i] = byte_at(name, offset + i);
  if ((flags & 8) != 0 && length > 0) packet.bytes.back() = std::byte{0xff};
  return packet;
}

void check(const IpPacket& whole, unsigned name) {
  assert(whole.source == peers[name >> 1 & 1][name & 1] && whole.destination == ours[name & 1]);
  for (std::size_t i = 0; i < whole.payload.size(); i++) {
    assert(whole.payload[i] == byte_at(name, i) || whole.payload[i] == std::byte{0xff});
  }
  const auto again = parse_ip(whole.whole());
  assert(again && again->payload.size() == whole.payload.size() && again->protocol == whole.protocol);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reassembly table;
  Instant now{seconds(1)};
  Reader input(std::as_bytes(std::span(data, size)));
  const auto settle = [&] {
    while (const auto given_up = table.poll_given_up()) {
      assert(given_up->first.empty() || parse_fragment(given_up->first)->offset == 0);
    }
    assert(table.datagrams() <= Reassembly::datagrams_max && table.bytes() <= Reassembly::bytes_max);
    assert((table.datagrams() == 0) == (table.bytes() == 0));
  };
  while (input.remaining() >= 5) {
    const Packet packet = read(input);
    const unsigned passes = input.u8();
    if (const auto fragment = parse_fragment(packet.bytes)) {
      const auto added = table.add(*fragment, now);
      if (added && *added) check(**added, packet.name);
    }
    settle();
    if (passes > 250) table.remove_of(peers[passes & 1][passes >> 1 & 1]);
    now += milliseconds(passes * 20);
    table.handle_timeout(now);
    settle();
    const auto deadline = table.poll_timeout();
    assert(deadline.has_value() == (table.datagrams() > 0));
    assert(!deadline || *deadline > now);
  }
  table.handle_timeout(now + Reassembly::patience);
  settle();
  assert(table.datagrams() == 0);
  return 0;
}
