// The node's way of a packet: datagrams in, opened; packets out, sealed, and onto the road that path selection names.
#include <algorithm>
#include <utility>

#include "disco/envelope.h"
#include "node/node.h"
#include "stun/messages.h"

namespace quoin::node {
namespace {

std::optional<IpAddress> destination_of(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  const auto version = std::to_integer<int>(packet[0] >> 4);
  if (version == 4 && packet.size() >= 20) return IpAddress::from_bytes(packet.subspan(16, 4));
  if (version == 6 && packet.size() >= 40) return IpAddress::from_bytes(packet.subspan(24, 16));
  return std::nullopt;
}

}  // namespace

std::optional<wireguard::PeerId> Node::open_packets(const wireguard::Source& from, MutableBytes datagrams,
                                                    std::size_t segment_bytes, Instant now) {
  return wireguard_.handle_burst(from, datagrams, segment_bytes, opened_, now);
}

void Node::handle_datagram_of_relay(const RelayedDatagram& datagram, Instant now) {
  if (disco::looks_like_disco(datagram.datagram)) {
    paths_.handle_disco(path::ViaRelay{datagram.region, datagram.source}, datagram.datagram, now);
    return;
  }
  if (datagram.datagram.empty()) return;
  const auto peer = open_packets(wireguard::Source(wireguard::RelayedNode{datagram.region, datagram.source}),
                                 datagram.datagram, datagram.datagram.size(), now);
  // A relay can name anybody as the sender. Only what bears that peer's keys shows that the peer is there.
  const crypto::NodePublicKey* sender = peer ? peers_.key_of(*peer) : nullptr;
  if (sender != nullptr && *sender == datagram.source) {
    paths_.note_received_through(datagram.region, datagram.source, now);
  }
}

void Node::handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes, Instant now) {
  packets_.clear();
  opened_.clear();
  if (is_logging_out_ || datagrams.empty()) return;
  if (segment_bytes == 0) segment_bytes = datagrams.size();
  // Runs of WireGuard datagrams stay together; what is mixed in goes its own way. A relay's STUN answer may come from
  // an address that only the person on site vouched for; everything else comes from public addresses or not at all.
  const bool is_public = guard_.allows(from, path::EndpointUse::peer);
  std::size_t run_start = 0;
  const auto end_run = [&](std::size_t end) {
    if (end == run_start) return;
    if (is_public) {
      const MutableBytes run = datagrams.subspan(run_start, end - run_start);
      const auto peer = open_packets(wireguard::Source(from), run, segment_bytes, now);
      const crypto::NodePublicKey* key = peer ? peers_.key_of(*peer) : nullptr;
      if (key) paths_.note_received_directly(*key, std::min(segment_bytes, run.size()), now);
    } else {
      counters_.sources_refused++;
    }
  };
  for (std::size_t at = 0; at < datagrams.size(); at += segment_bytes) {
    const MutableBytes datagram = datagrams.subspan(at, std::min(segment_bytes, datagrams.size() - at));
    const bool is_stun = stun::is_stun(datagram);
    if (!is_stun && !disco::looks_like_disco(datagram)) continue;
    end_run(at);
    run_start = at + datagram.size();
    if (is_stun) {
      paths_.handle_stun(from, datagram, now);
    } else {
      paths_.handle_disco(from, datagram, now);  // judges the source itself
    }
  }
  end_run(datagrams.size());
  for (const auto& opened : opened_) packets_.push_back(opened.packet);
  settle(now);
}

std::span<const MutableBytes> Node::take_packets() {
  std::swap(taken_packets_, packets_);
  packets_.clear();
  return taken_packets_;
}

void Node::send(PacketBatch& batch, Instant now) {
  runs_.clear();
  runs_taken_ = 0;
  for (std::size_t first = 0; first < batch.size();) {
    const auto to = destination_of(batch.packet(first));
    std::size_t end = first + 1;
    while (end < batch.size() && destination_of(batch.packet(end)) == to) end++;
    if (to) seal_run(batch, first, end - first, *to, now);
    first = end;
  }
  settle(now);
}

void Node::seal_run(PacketBatch& batch, std::size_t first, std::size_t count, const IpAddress& to, Instant now) {
  const auto peer = peers_.peer_at(to);
  if (!peer) {
    counters_.no_peer += count;
    return;
  }
  const crypto::NodePublicKey key = *peers_.key_of(*peer);
  paths_.note_sent(key, now);
  settle_paths(now);  // the relay that this road needs is asked for before anything is queued for it
  if (wireguard_.seal(*peer, batch, first, count, now) != wireguard::Sealed::ready)
    return;  // they follow the handshake
  const path::Route route = paths_.route(key, now);
  // One system call sends segments of one size, of which the last may be shorter.
  for (std::size_t start = first; start < first + count;) {
    const std::size_t segment_bytes = batch.segment(start).size();
    std::size_t end = start + 1;
    while (end < first + count && batch.segment(end).size() == segment_bytes) end++;
    if (end < first + count && batch.segment(end).size() < segment_bytes) end++;
    dispatch(key, route, batch.segments(start, end - start), segment_bytes, now);
    start = end;
  }
}

void Node::dispatch(const crypto::NodePublicKey& peer, const path::Route& route, Bytes segments,
                    std::size_t segment_bytes, Instant now) {
  if (route.direct) runs_.push_back({*route.direct, segments, segment_bytes});
  if (route.relay) relays_.send(*route.relay, peer, segments, segment_bytes, now);
  if (!route.direct && !route.relay) counters_.no_route++;
}

bool Node::wants_packets(Instant) const {
  return relays_.waiting_bytes() < relay_backlog_max;
}

std::optional<UdpRun> Node::poll_udp() {
  if (!small_.empty()) {
    small_sending_ = std::move(small_.front());
    small_.pop_front();
    return UdpRun{small_sending_->to, small_sending_->bytes, small_sending_->bytes.size(), small_sending_->origin};
  }
  if (runs_taken_ < runs_.size()) return runs_[runs_taken_++];
  return std::nullopt;
}

void Node::note_missing(const IpAddress& from, Instant since, bool certain, Instant now) {
  if (const auto key = peers_.key_at(from)) paths_.note_missing(*key, since, certain, now);
  settle(now);
}

void Node::udp_unreachable(const Endpoint& to, Instant now) {
  paths_.note_unreachable(to, now);
  settle(now);
}

bool Node::filter_allows(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                         std::uint16_t port) const {
  return control_.netmap().filter().allows(source, destination, protocol, port);
}

}  // namespace quoin::node
