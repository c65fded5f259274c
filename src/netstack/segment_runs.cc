#include "netstack/segment_runs.h"

#include <algorithm>

namespace quoin::netstack {
namespace {

bool joinable(const tcp::ParsedPacket& packet) {
  const tcp::Flags& flags = packet.header.flags;
  return flags.ack && !flags.syn && !flags.rst && packet.header.options.sack.empty() && !packet.payload.empty();
}

}  // namespace

void SegmentRun::start(const FlowKey& key, const tcp::ParsedPacket& packet, const IpPacket& ip) {
  key_ = key;
  ip_ = ip;
  header_ = packet.header;
  payload_.assign(1, packet.payload);
  payload_bytes_ = largest_ = packet.payload.size();
  packets_ = 1;
}

bool SegmentRun::join(const FlowKey& key, const tcp::ParsedPacket& packet) {
  const tcp::Header& next = packet.header;
  if (packets_ == 0 || header_.flags.fin || !joinable({header_, payload_.front()}) || !joinable(packet)) return false;
  if (next.sequence != header_.sequence + static_cast<std::uint32_t>(payload_bytes_)) return false;
  if (static_cast<std::int32_t>(next.acknowledgment - header_.acknowledgment) < 0) return false;
  if (next.options.timestamps.has_value() != header_.options.timestamps.has_value()) return false;
  if (key != key_) return false;
  payload_.push_back(packet.payload);
  payload_bytes_ += packet.payload.size();
  largest_ = std::max(largest_, packet.payload.size());
  packets_++;
  header_.acknowledgment = next.acknowledgment;
  header_.window = next.window;
  header_.options = next.options;
  header_.flags.fin = next.flags.fin;
  header_.flags.psh = header_.flags.psh || next.flags.psh;
  return true;
}

void SegmentRun::clear() {
  payload_.clear();
  packets_ = 0;
}

tcp::Segment SegmentRun::segment() const {
  return {.sequence = header_.sequence,
          .acknowledgment = header_.acknowledgment,
          .flags = header_.flags,
          .window = header_.window,
          .options = header_.options,
          .payload = payload_,
          .largest_packet = packets_ > 1 ? largest_ : 0};
}

}  // namespace quoin::netstack
