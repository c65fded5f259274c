#include "node_streams.h"

#include <algorithm>

namespace quoin::simulation {

bool NodeStreams::answers(const Target& target) {
  if (std::holds_alternative<node::ControlStream>(target)) return servers_.control.is_up;
  const Relay* relay = servers_.relay(std::get<node::RelayStream>(target).region);
  return relay != nullptr && relay->is_up;
}

void NodeStreams::open(node::StreamId stream, const Target& target) {
  links_[stream] = {internet_.connect()};
  const auto* relay = std::get_if<node::RelayStream>(&target);
  world_.after(2 * Internet::latency, [this, stream, region = relay ? relay->region : path::RegionId{0}] {
    if (!links_.contains(stream)) return;
    region == 0 ? upgrade_control(stream) : upgrade_relay(stream, region);
  });
}

void NodeStreams::upgrade_control(node::StreamId stream) {
  const auto handshake = owner_.node().control_handshake(stream, servers_.control.box.public_key(), world_.now);
  owner_.handled();
  if (!handshake) {
    failed(stream, node::StreamTrouble::ended);
    return;
  }
  world_.after(2 * Internet::latency, [this, stream, handshake = *handshake] {
    const auto link = links_.find(stream);
    if (link == links_.end()) return;
    if (!servers_.control.is_up) return failed(stream, node::StreamTrouble::ended);
    const auto wire = link->second.wire;
    opened(stream);
    if (!servers_.control.accept(wire, handshake)) failed(stream, node::StreamTrouble::ended);
  });
  owner_.drain();
}

void NodeStreams::upgrade_relay(node::StreamId stream, path::RegionId region) {
  const auto link = links_.find(stream);
  Relay* relay = servers_.relay(region);
  if (!relay->is_up) return failed(stream, node::StreamTrouble::ended);
  const auto wire = link->second.wire;
  opened(stream);
  relay->accept(wire);
}

void NodeStreams::opened(node::StreamId stream) {
  Link& link = links_.at(stream);
  link.is_open = true;
  link.wire->attach(Wire::Side::client, {.received = [this, stream](MutableBytes bytes) { received(stream, bytes); },
                                         .writable = [this] { owner_.drain(); },
                                         .closed = [this, stream] { failed(stream, node::StreamTrouble::ended); }});
  owner_.node().stream_opened(stream, world_.now);
  owner_.handled();
  owner_.drain();
}

void NodeStreams::failed(node::StreamId stream, node::StreamTrouble trouble) {
  close(stream);
  owner_.node().stream_failed(stream, {trouble, "the connection ended"}, world_.now);
  owner_.handled();
  owner_.drain();
}

void NodeStreams::received(node::StreamId stream, Bytes bytes) {
  while (!bytes.empty() && links_.contains(stream)) {
    const MutableBytes space = owner_.node().stream_space(stream);
    if (space.empty()) {
      close(stream);
      break;
    }
    const std::size_t count = std::min(space.size(), bytes.size());
    std::copy_n(bytes.begin(), count, space.begin());
    bytes = bytes.subspan(count);
    owner_.node().stream_received(stream, count, world_.now);
    owner_.handled();
  }
  owner_.drain();
}

bool NodeStreams::pump() {
  bool any = false;
  for (const node::StreamId stream : owner_.node().streams_with_output()) {
    for (;;) {
      const auto link = links_.find(stream);
      if (link == links_.end() || !link->second.is_open) break;
      const Bytes output = owner_.node().stream_output(stream);
      const std::size_t count = link->second.wire->write(Wire::Side::client, output);
      if (count == 0) break;
      owner_.node().stream_sent(stream, count, world_.now);
      owner_.handled();
      any = true;
    }
  }
  return any;
}

void NodeStreams::close(node::StreamId stream) {
  const auto link = links_.extract(stream);
  if (link) link.mapped().wire->close(Wire::Side::client);
}

void NodeStreams::close_all() {
  while (!links_.empty()) close(links_.begin()->first);
}

}  // namespace quoin::simulation
