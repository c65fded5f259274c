#include "netstack/udp_flow.h"

#include <algorithm>

#include "netstack/wire/ip.h"
#include "netstack/wire/udp.h"

namespace quoin::netstack {

Duration udp_idle_time(std::uint16_t service_port) {
  switch (service_port) {
    case 161: return seconds(60);  // SNMP: an answer, and a walk that thinks between its steps
    case 53:                       // DNS, LLMNR, mDNS: one question, one answer
    case 5353:
    case 5355: return seconds(30);
    default: return seconds(120);  // RFC 4787, REQ-5: at least two minutes
  }
}

bool UdpFlow::transmit(const FlowKey& key, std::size_t mtu, PacketBatch& batch, std::uint16_t& next_identification) {
  const std::size_t ip_bytes = ip_header_bytes(key.local.address.version());
  while (!out.empty()) {
    const Buffer& data = out.front();
    const std::size_t length = udp_header_bytes + data.size();
    if (ip_bytes + length > mtu) {
      if (transmit_fragments(key, mtu, batch, next_identification)) return true;
    } else {
      const MutableBytes packet = batch.append(ip_bytes + length);
      if (packet.empty()) return true;
      write_ip_header(packet, {.source = key.local.address,
                               .destination = key.remote.address,
                               .protocol = IpProtocol::udp,
                               .payload_bytes = length});
      Writer writer(packet.subspan(ip_bytes));
      writer.put(udp_header(key.local, key.remote, data));
      writer.put(data);
    }
    out.pop();
  }
  return false;
}

bool UdpFlow::transmit_fragments(const FlowKey& key, std::size_t mtu, PacketBatch& batch,
                                 std::uint16_t& next_identification) {
  const Buffer& data = out.front();
  const auto header = udp_header(key.local, key.remote, data);
  const std::size_t total = header.size() + data.size();
  if (bytes_sent_ == 0) identification_ = next_identification++;
  while (bytes_sent_ < total) {
    const std::size_t room = (mtu - ipv4_header_bytes) / 8 * 8;  // all but the last are multiples of 8
    const std::size_t length = std::min(room, total - bytes_sent_);
    const MutableBytes packet = batch.append(ipv4_header_bytes + length);
    if (packet.empty()) return true;
    write_ip_header(packet, {.source = key.local.address,
                             .destination = key.remote.address,
                             .protocol = IpProtocol::udp,
                             .payload_bytes = length,
                             .identification = identification_,
                             .dont_fragment = false,
                             .more_fragments = bytes_sent_ + length < total,
                             .fragment_offset = bytes_sent_});
    Writer writer(packet.subspan(ipv4_header_bytes));
    if (bytes_sent_ == 0) {
      writer.put(header);
      writer.put(Bytes(data).first(length - header.size()));
    } else {
      writer.put(Bytes(data).subspan(bytes_sent_ - header.size(), length));
    }
    bytes_sent_ += length;
  }
  bytes_sent_ = 0;
  return false;
}

}  // namespace quoin::netstack
