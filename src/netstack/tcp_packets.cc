#include "netstack/tcp_packets.h"

#include <algorithm>
#include <cassert>

#include "netstack/tcp/sequence.h"

namespace quoin::netstack {

SegmentTemplate::SegmentTemplate(const FlowKey& key, const tcp::Outgoing& segment)
    : ip_bytes_(ip_header_bytes(key.local.address.version())), sequence_(segment.sequence), key_(key) {
  tcp::Flags flags = segment.flags;
  flags.fin = flags.psh = false;
  last_flags_ = static_cast<std::uint8_t>(segment.flags.byte() & ~flags.byte());
  const tcp::Header header{.source_port = key.local.port,
                           .destination_port = key.remote.port,
                           .sequence = 0,
                           .acknowledgment = segment.acknowledgment,
                           .flags = flags,
                           .window = segment.window,
                           .options = segment.options};
  const MutableBytes tcp_header = MutableBytes(header_).subspan(ip_bytes_);
  const std::size_t tcp_bytes = tcp::write_header(header, tcp_header);
  header_bytes_ = ip_bytes_ + tcp_bytes;
  sum_ = pseudo_header_sum(key.local.address, key.remote.address, IpProtocol::tcp, 0);
  sum_.add(tcp_header.first(tcp_bytes));
}

void SegmentTemplate::write(MutableBytes packet, std::size_t offset, const std::array<Bytes, 2>& payload,
                            bool last) const {
  constexpr std::size_t sequence_offset = 4, flags_offset = 13;
  const std::size_t payload_bytes = payload[0].size() + payload[1].size();
  const std::size_t segment_bytes = header_bytes_ - ip_bytes_ + payload_bytes;
  assert(packet.size() == ip_bytes_ + segment_bytes);
  std::ranges::copy(Bytes(header_).first(header_bytes_), packet.begin());
  write_ip_header(packet, {.source = key_.local.address,
                           .destination = key_.remote.address,
                           .protocol = IpProtocol::tcp,
                           .payload_bytes = segment_bytes});
  const MutableBytes segment = packet.subspan(ip_bytes_);
  const std::uint32_t sequence = sequence_ + static_cast<std::uint32_t>(offset);
  Writer(segment.subspan(sequence_offset)).u32(sequence);
  ChecksumSum sum = sum_;
  sum.add_u32(sequence);
  sum.add_u16(static_cast<std::uint16_t>(segment_bytes));
  if (last) {
    segment[flags_offset] |= std::byte{last_flags_};
    sum.add_u16(last_flags_);
  }
  const MutableBytes data = packet.subspan(header_bytes_);
  sum.copy(data, payload[0]);
  sum.copy(data.subspan(payload[0].size()), payload[1]);
  Writer(segment.subspan(tcp::checksum_offset)).u16(sum.checksum());
}

namespace {

// The part [from, from + length) of two spans that follow each other.
std::array<Bytes, 2> part_of(const std::array<Bytes, 2>& spans, std::size_t from, std::size_t length) {
  if (from >= spans[0].size()) return {spans[1].subspan(from - spans[0].size(), length), Bytes()};
  const std::size_t first = std::min(length, spans[0].size() - from);
  return {spans[0].subspan(from, first), spans[1].first(length - first)};
}

}  // namespace

bool cut_into(PacketBatch& batch, const FlowKey& key, const tcp::SendQueue& queue, UnsentRest& rest) {
  const tcp::Outgoing& segment = rest.segment;
  const SegmentTemplate header(key, segment);
  const std::size_t total = segment.payload_bytes();
  std::array<Bytes, 2> payload = segment.payload;
  std::size_t skipped = 0;
  if (rest.sent > 0) {
    const tcp::Position start = tcp::unwrap(queue.begin(), segment.sequence);
    if (start + total > queue.end()) return false;  // the queue was given up
    const tcp::Position from = std::max(start + rest.sent, queue.begin());
    if (from >= start + total) return false;  // all acknowledged: an earlier transmission arrived after all
    skipped = static_cast<std::size_t>(from - start);
    rest.sent = skipped;
    payload = queue.read(from, total - skipped);
  }
  do {
    const std::size_t length = std::min(total - rest.sent, std::max<std::size_t>(segment.mss, 1));
    const MutableBytes packet = batch.append(header.packet_bytes(length));
    if (packet.empty()) return true;
    const bool last = rest.sent + length == total;
    header.write(packet, rest.sent, part_of(payload, rest.sent - skipped, length), last);
    rest.sent += length;
  } while (rest.sent < total);
  return false;
}

Buffer bare_packet(const FlowKey& key, const tcp::Outgoing& segment) {
  assert(segment.payload_bytes() == 0);
  const SegmentTemplate header(key, segment);
  Buffer packet(header.packet_bytes(0));
  header.write(packet, 0, {}, true);
  return packet;
}

}  // namespace quoin::netstack
