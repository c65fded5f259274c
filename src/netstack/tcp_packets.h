// A TCP segment as the connection hands it out becomes packets: up to 64 KiB of payload are cut at the mss and copied
// into the batch, summed in the same pass. Everything that is the same in each packet is written and summed once.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/packet_batch.h"
#include "netstack/flow_table.h"
#include "netstack/tcp/segment.h"
#include "netstack/tcp/send.h"
#include "netstack/wire/checksum.h"
#include "netstack/wire/ip.h"
#include "netstack/wire/tcp.h"

namespace quoin::netstack {

class SegmentTemplate {
 public:
  SegmentTemplate(const FlowKey& key, const tcp::Outgoing& segment);

  std::size_t packet_bytes(std::size_t payload_bytes) const { return header_bytes_ + payload_bytes; }
  // One packet of the segment: the part of its payload that starts `offset` bytes into it. The last carries its FIN
  // and PSH.
  void write(MutableBytes packet, std::size_t offset, const std::array<Bytes, 2>& payload, bool last) const;

 private:
  std::array<std::byte, ipv6_header_bytes + tcp::header_bytes_max> header_{};
  std::size_t header_bytes_;
  std::size_t ip_bytes_;
  std::uint32_t sequence_;
  std::uint8_t last_flags_;
  ChecksumSum sum_;  // of all but sequence number, FIN and PSH, length and payload
  FlowKey key_;
};

// A segment of which the batch had no room for all. Its payload stays in the send queue and is found there again by
// sequence number, since the queue may have moved and the peer may have acknowledged it meanwhile.
struct UnsentRest {
  tcp::Outgoing segment;
  std::size_t sent = 0;  // bytes of payload
};

// True: there is a rest.
bool cut_into(PacketBatch& batch, const FlowKey& key, const tcp::SendQueue& queue, UnsentRest& rest);

// A whole packet of a segment without payload.
Buffer bare_packet(const FlowKey& key, const tcp::Outgoing& segment);

}  // namespace quoin::netstack
