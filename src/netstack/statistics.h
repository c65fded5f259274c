// Everything that is refused, dropped or answered by the stack itself is counted under its reason, and only counted.
#pragma once

#include <array>
#include <cstdint>

#include "netstack/reassembly.h"
#include "netstack/wire/ip.h"

namespace quoin::netstack {

struct StackStatistics {
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;

  // Refused by the parser, by IpRefusal.
  std::array<std::uint64_t, ip_refusals> refused{};
  std::uint64_t refused_for(IpRefusal reason) const { return refused[static_cast<std::size_t>(reason)]; }

  std::uint64_t fragments_in = 0;           // addressed to us
  std::uint64_t datagrams_reassembled = 0;  // of them
  // Of the others, by FragmentRefusal: a fragment each, or a datagram with all of its fragments that were there.
  std::array<std::uint64_t, fragment_refusals> fragments_refused{};
  std::uint64_t refused_for(FragmentRefusal reason) const {
    return fragments_refused[static_cast<std::size_t>(reason)];
  }

  std::uint64_t other_destination = 0;  // not one of our addresses
  std::uint64_t impossible_source = 0;  // ours, unspecified, loopback, multicast, broadcast
  std::uint64_t unknown_protocol = 0;
  std::uint64_t bad_transport = 0;  // a TCP, UDP, ICMP or TSMP header that is cut, wrong or fails its checksum
  std::uint64_t port_zero = 0;

  std::uint64_t segments_joined = 0;  // reached TCP as part of the one before
  std::uint64_t stray_segments = 0;   // TCP of no flow that is not a SYN
  std::uint64_t pending_full = 0;     // SYNs and first datagrams that found no place to wait
  std::uint64_t flows_full = 0;
  std::uint64_t losses_untold = 0;    // IncomingLost and EchoRequestLost of an owner that does not drain
  std::uint64_t pending_expired = 0;  // the owner let them wait for too long
  std::uint64_t syn_too_long = 0;     // in fragments, or a packet that is longer than our mtu
  std::uint64_t syn_repeated = 0;     // retransmitted SYNs of flows that wait

  std::uint64_t payload_without_room = 0;   // TCP payload that the memory budget had no room for: it comes again
  std::uint64_t datagrams_in_dropped = 0;   // more than may wait
  std::uint64_t datagrams_out_dropped = 0;  // the owner's, likewise
  std::uint64_t datagrams_out_too_large = 0;
  std::uint64_t datagrams_idle_closed = 0;

  std::uint64_t echo_requests = 0;
  std::uint64_t echo_requests_dropped = 0;  // more waited than may: the oldest went; or a reply could not leave
  std::uint64_t icmp_errors_in = 0;         // that concerned a flow
  std::uint64_t icmp_ignored = 0;           // of no flow, of no known type, or not believable (RFC 5927)
  std::uint64_t answers_limited = 0;        // RST and ICMP errors that the rate limit kept in
  std::uint64_t answers_full = 0;           // or the queue
  std::uint64_t tsmp_pings = 0;
  std::uint64_t tsmp_ignored = 0;
};

}  // namespace quoin::netstack
