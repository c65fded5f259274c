// Neighbouring segments of one flow in a burst become one, so that a burst costs the connection one decision, one
// acknowledgment and one wake-up.
//
// A run goes on while each packet starts where the one before ended, of the same flow, with payload and nothing that
// has to be seen on its own: SYN, RST, SACK blocks, an acknowledgment that goes back, a FIN before its end.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "netstack/flow_table.h"
#include "netstack/tcp/segment.h"
#include "netstack/wire/ip.h"
#include "netstack/wire/tcp.h"

namespace quoin::netstack {

class SegmentRun {
 public:
  bool empty() const { return packets_ == 0; }
  void start(const FlowKey& key, const tcp::ParsedPacket& packet, const IpPacket& ip);
  bool join(const FlowKey& key, const tcp::ParsedPacket& packet);  // false: it does not belong to the run
  void clear();

  const FlowKey& key() const { return key_; }
  const IpPacket& first_packet() const { return ip_; }
  tcp::Segment segment() const;  // borrows from the run and from the packets
  std::size_t packets() const { return packets_; }

 private:
  FlowKey key_;
  IpPacket ip_{};
  tcp::Header header_;
  std::vector<Bytes> payload_;
  std::size_t payload_bytes_ = 0;
  std::size_t largest_ = 0;
  std::size_t packets_ = 0;
};

}  // namespace quoin::netstack
