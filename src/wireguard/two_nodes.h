// For tests and fuzzing: two Interfaces and the wire between them, on a virtual clock.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/packet_batch.h"
#include "base/random.h"
#include "wireguard/interface.h"
#include "wireguard/messages.h"

namespace quoin::wireguard {

inline crypto::NodePrivateKey key_of(std::uint8_t byte) {
  std::array<std::byte, 32> bytes;
  bytes.fill(static_cast<std::byte>(byte));
  return crypto::NodePrivateKey::from_bytes(bytes);
}

// An IPv4 packet of `length` bytes (at least 20) whose payload repeats `fill`.
inline Buffer ipv4_packet(const IpAddress& source, const IpAddress& destination, std::size_t length,
                          std::uint8_t fill = 0) {
  Buffer packet(length, static_cast<std::byte>(fill));
  Writer writer(packet);
  writer.u8(0x45);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(length));
  writer.u32(0);
  writer.u8(64);
  writer.u8(17);
  writer.u16(0);
  writer.put(source.bytes());
  writer.put(destination.bytes());
  return packet;
}

struct TestNode {
  TestNode(std::uint8_t key_byte, const char* inner_address, const char* outer, Instant now, MessageLimits limits)
      : key(key_byte),
        random(key_byte),
        inner(IpAddress::parse(inner_address).value()),
        source(Endpoint::parse(outer).value()) {
    restart(now, limits);
  }

  void restart(Instant now, MessageLimits limits = {}) {
    const WallTime wall{seconds(1'700'000'000) + now.since_zero};
    interface = std::make_unique<Interface>(key_of(key), random, now, wall, limits);
  }

  std::uint8_t key;
  SeededRandom random;
  IpAddress inner;
  Source source;
  std::unique_ptr<Interface> interface;
  PeerId peer;  // the other node
  std::vector<Buffer> delivered;
  std::vector<Event> events;
};

struct InFlight {
  TestNode* to;
  Source from;
  Buffer datagram;
};

class TwoNodes {
 public:
  explicit TwoNodes(MessageLimits limits = {})
      : a(0x11, "100.64.0.1", "192.0.2.1:1000", now, limits), b(0x33, "100.64.0.2", "192.0.2.2:2000", now, limits) {
    introduce(a, b);
    introduce(b, a);
  }

  TestNode& other(const TestNode& node) { return &node == &a ? b : a; }
  void introduce(TestNode& node, const TestNode& peer) {
    node.peer = node.interface->add_peer(key_of(peer.key).public_key(), {Prefix::host(peer.inner)}, now).value();
  }

  // One packet through seal; what is ready goes on the wire.
  Sealed send(TestNode& from, Bytes packet) {
    batch.clear();
    MutableBytes room = batch.append(packet.size());
    std::copy(packet.begin(), packet.end(), room.begin());
    const Sealed sealed = from.interface->seal(from.peer, batch, 0, 1, now);
    if (sealed == Sealed::ready) put(from, to_buffer(batch.segments(0, 1)));
    collect(from);
    return sealed;
  }
  Sealed send(TestNode& from, std::uint8_t fill, std::size_t length = 100) {
    return send(from, ipv4_packet(from.inner, other(from).inner, length, fill));
  }

  // Takes what a node wants to send and to say.
  void collect(TestNode& node) {
    while (auto transmit = node.interface->poll_transmit()) put(node, std::move(transmit->datagram));
    while (auto event = node.interface->poll_event()) node.events.push_back(*event);
  }
  void put(TestNode& from, Buffer datagram) {
    sent_log.push_back(message_type(datagram));
    if (lose && lose(from, datagram)) return;
    wire.push_back({&other(from), from.source, std::move(datagram)});
  }

  void deliver(InFlight message) { arrive(*message.to, message.from, message.datagram); }
  void arrive(TestNode& to, const Source& from, MutableBytes datagrams, std::size_t segment_bytes = 0) {
    opened.clear();
    to.interface->handle_burst(from, datagrams, segment_bytes, opened, now);
    for (const OpenedPacket& packet : opened) to.delivered.push_back(to_buffer(packet.packet));
    collect(to);
  }
  void settle() {
    collect(a);
    collect(b);
    while (!wire.empty()) {
      InFlight next = std::move(wire.front());
      wire.pop_front();
      deliver(std::move(next));
    }
  }

  // Time passes, and every timer fires when it is due.
  void advance(Duration by) {
    const Instant end = now + by;
    settle();
    for (;;) {
      std::optional<Instant> next;
      for (TestNode* node : {&a, &b}) {
        const auto due = node->interface->poll_timeout();
        if (due && (!next || *due < *next)) next = due;
      }
      if (!next || *next > end) break;
      now = std::max(now, *next);
      a.interface->handle_timeout(now);
      b.interface->handle_timeout(now);
      settle();
    }
    now = end;
  }
  // Time passes, but nobody runs.
  void freeze(Duration by) { now += by; }

  void establish(TestNode& from) {
    send(from, 0xee);
    settle();
    from.events.clear();
    other(from).events.clear();
    other(from).delivered.clear();
    sent_log.clear();
  }
  std::size_t sent(MessageType type) const {
    return static_cast<std::size_t>(std::count(sent_log.begin(), sent_log.end(), std::optional(type)));
  }

  Instant now{hours(1)};
  TestNode a;
  TestNode b;
  std::deque<InFlight> wire;
  std::function<bool(const TestNode&, const Buffer&)> lose;
  std::vector<std::optional<MessageType>> sent_log;  // of both nodes, lost ones too
  PacketBatch batch{1280};
  std::vector<OpenedPacket> opened;
};

}  // namespace quoin::wireguard
