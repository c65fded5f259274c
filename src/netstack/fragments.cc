// Fragments in: what is whole goes on as any packet, and what is given up is said to whoever sent it, where they can
// know it by its first fragment.
#include "netstack/rooms.h"
#include "netstack/wire/udp.h"

namespace quoin::netstack {
namespace {

bool comes_in_fragments(const IpPacket& packet) {
  return packet.protocol == IpProtocol::tcp || packet.protocol == IpProtocol::udp ||
         packet.protocol == (packet.source.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6);
}

}  // namespace

void Stack::Rooms::handle_fragment(Bytes bytes, Instant now) {
  const auto fragment = parse_fragment(bytes);
  if (!fragment) {
    statistics.refused[static_cast<std::size_t>(fragment.error())]++;
    return;
  }
  if (!is_for_us(fragment->packet)) return;
  if (!comes_in_fragments(fragment->packet)) {
    statistics.unknown_protocol++;
    return;
  }
  statistics.fragments_in++;
  const auto whole = reassembly.add(*fragment, now);
  if (!whole) {
    statistics.fragments_refused[static_cast<std::size_t>(whole.error())]++;
  } else if (*whole) {
    statistics.datagrams_reassembled++;
    end_run(now);
    handle_whole(**whole, now);
    end_run(now);  // the packet is borrowed
  }
  handle_given_up(now);
}

void Stack::Rooms::handle_given_up(Instant now) {
  while (const auto given_up = reassembly.poll_given_up()) {
    statistics.fragments_refused[static_cast<std::size_t>(given_up->why)]++;
    const auto first = parse_fragment(given_up->first);
    if (!first) continue;  // it did not come
    const IpPacket& packet = first->packet;
    switch (given_up->why) {
      case FragmentRefusal::timed_out: send_limited(packet.source, icmp_reassembly_timed_out(packet), now); break;
      case FragmentRefusal::no_room:
      case FragmentRefusal::too_many_parts: given_up_for_room(packet, now); break;
      case FragmentRefusal::tiny:
      case FragmentRefusal::overlap:  // RFC 8200, section 4.5: no error is sent
      case FragmentRefusal::abandoned: break;
    }
  }
}

void Stack::Rooms::given_up_for_room(const IpPacket& first, Instant now) {
  send_limited(first.source, icmp_unreachable(IcmpUnreachable::prohibited, first), now);
  if (first.protocol != IpProtocol::tcp && first.protocol != IpProtocol::udp) {
    return lose(EchoRequestLost{first.destination, first.source});
  }
  Reader ports(first.payload);
  const std::uint16_t source_port = ports.u16();
  const std::uint16_t destination_port = ports.u16();
  lose(IncomingLost{first.protocol == IpProtocol::tcp ? Transport::tcp : Transport::udp,
                    {first.destination, destination_port},
                    {first.source, source_port}});
}

}  // namespace quoin::netstack
