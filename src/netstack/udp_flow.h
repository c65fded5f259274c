// One connected pair of UDP endpoints: what waits in either direction, and when the pair has been idle for too long.
//
// A reply longer than the mtu leaves as IPv4 fragments, each as long as fits, so that the second starts far beyond the
// 80 bytes below which peers' filters drop fragments. IPv6 has no such way out: see DatagramRefusal::too_large.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/packet_batch.h"
#include "base/time.h"
#include "netstack/datagram_queue.h"
#include "netstack/flow_table.h"

namespace quoin::netstack {

// How long a pair may be silent: long enough for the service, short enough that port scans leave nothing behind.
Duration udp_idle_time(std::uint16_t service_port);

struct UdpFlow {
  std::uint16_t service_port = 0;  // of the end that serves
  bool accepted = false;
  DatagramQueue in;
  DatagramQueue out;
  Buffer last_packet;  // as it came in, as far as an ICMP error quotes it
  Instant last_passed;

  Instant idle_at() const { return last_passed + udp_idle_time(service_port); }
  std::size_t bytes() const { return in.bytes() + out.bytes() + last_packet.size(); }

  // Moves what waits into the batch, as far as there is room; true: there was not enough.
  bool transmit(const FlowKey& key, std::size_t mtu, PacketBatch& batch, std::uint16_t& next_identification);

 private:
  bool transmit_fragments(const FlowKey& key, std::size_t mtu, PacketBatch& batch, std::uint16_t& next_identification);

  // Of the datagram at the front of `out`, when it leaves as fragments.
  std::size_t bytes_sent_ = 0;  // of header and data
  std::uint16_t identification_ = 0;
};

}  // namespace quoin::netstack
