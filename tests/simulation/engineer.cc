#include "engineer.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "printer.h"

namespace quoin::simulation {
namespace {

constexpr std::size_t received_kept_max = 4096;

// An ICMP echo request in an IPv4 packet (RFC 792).
Buffer echo_request(const IpAddress& from, const IpAddress& to) {
  Buffer packet(20 + 8 + 16);
  Writer writer(packet);
  writer.u8(0x45);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(packet.size()));
  writer.u32(0);
  writer.u8(64);
  writer.u8(1);
  writer.u16(0);
  writer.put(from.bytes());
  writer.put(to.bytes());
  writer.u8(8);
  writer.u8(0);
  writer.u16(0);
  writer.u32(0x0001'0001);
  const auto put = [&](std::size_t at, std::uint16_t sum) { Writer(MutableBytes(packet).subspan(at, 2)).u16(sum); };
  const auto sum_of = [&](std::size_t begin, std::size_t length) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < length; i += 2) sum += Reader(Bytes(packet).subspan(begin + i, 2)).u16();
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
  };
  put(20 + 2, sum_of(20, packet.size() - 20));
  put(10, sum_of(0, 20));
  return packet;
}

bool is_echo_reply(Bytes packet) {
  return packet.size() >= 28 && packet[0] == std::byte{0x45} && packet[9] == std::byte{1} && packet[20] == std::byte{0};
}

}  // namespace

Engineer::Engineer(World& world, Internet& internet, Servers& servers, Site& site, std::string join_key,
                   Endpoint inside)
    : world_(world),
      internet_(internet),
      site_(site),
      join_key_(std::move(join_key)),
      inside_(inside),
      name_("engineer at " + site.name),
      random_(world.chance.u64()),
      servers_(servers),
      streams_(world, internet, servers,
               {.node = [this]() -> node::Node& { return *node_; },
                .handled = [this] { handled(); },
                .drain = [this] { drain(); }}) {
  start();
  world.add(*this);
}

void Engineer::start() {
  life_++;
  flows_.clear();
  paths_.clear();
  addresses.clear();
  is_online_ = false;
  node_ = std::make_unique<node::Node>(node::NodeConfig{.hostname = "desk",
                                                        .control_authority = "control.example",
                                                        .server_key = servers_.control.box.public_key(),
                                                        .own_prefixes = site_.networks,
                                                        .allowed_private = {},
                                                        .probes_sizes = !is_stock},
                                       random_, world_.now, WallTime{seconds(1'790'000'000) + world_.now.since_zero});
  stack_ = std::make_unique<netstack::Stack>(netstack::StackConfig{}, random_, world_.now);
  internet_.attach(site_, inside_, *this);
  node_->set_sockets({.ipv4 = true}, world_.now);
  drain();
}

void Engineer::restart() {
  streams_.close_all();
  inside_.port++;
  start();
}

// ---- flows
// --------------------------------------------------------------------------------------------------------------

netstack::FlowId Engineer::connect(const IpAddress& to, std::uint16_t port) {
  const auto id = netstack::ActiveOpen::connect(*stack_, {to, port}, world_.now);
  EXPECT_TRUE(id);
  flows_[*id];
  drain();
  return *id;
}

netstack::FlowId Engineer::open_udp(const IpAddress& to, std::uint16_t port) {
  const auto id = netstack::ActiveOpen::open_datagrams(*stack_, {to, port}, world_.now);
  EXPECT_TRUE(id);
  flows_[*id];
  drain();
  return *id;
}

void Engineer::send(netstack::FlowId id, Bytes bytes) {
  append(flows_.at(id).to_send, bytes);
  write(id);
  drain();
}

void Engineer::send_pattern(netstack::FlowId id, std::size_t bytes) {
  Flow& flow = flows_.at(id);
  const std::size_t start = flow.to_send.size();
  flow.to_send.resize(start + bytes);
  for (std::size_t i = 0; i < bytes; i++) flow.to_send[start + i] = byte_at(start + i);
  write(id);
  drain();
}

void Engineer::finish(netstack::FlowId id) {
  flows_.at(id).finishes = true;
  write(id);
  drain();
}

void Engineer::abort(netstack::FlowId id) {
  stack_->abort(id, world_.now);
  drain();
}

void Engineer::send_datagram(netstack::FlowId id, std::string_view text) {
  EXPECT_TRUE(stack_->send_datagram(id, bytes_of(text), world_.now));
  drain();
}

void Engineer::ping(const IpAddress& to) {
  const auto own = std::ranges::find(addresses, IpVersion::v4, &IpAddress::version);
  ASSERT_NE(own, addresses.end());
  const Buffer packet = echo_request(*own, to);
  batch_.clear();
  std::ranges::copy(packet, batch_.append(packet.size()).begin());
  node_->send(batch_, world_.now);
  drain();
}

void Engineer::write(netstack::FlowId id) {
  Flow& flow = flows_.at(id);
  while (!flow.closed && flow.sent < flow.to_send.size()) {
    const MutableBytes space = stack_->write_space(id)[0];
    const std::size_t count = std::min(space.size(), flow.to_send.size() - flow.sent);
    if (count == 0) return;
    std::copy_n(flow.to_send.begin() + static_cast<std::ptrdiff_t>(flow.sent), count, space.begin());
    stack_->commit(id, count, world_.now);
    flow.sent += count;
  }
  if (flow.finishes && !std::exchange(flow.finish_said, true)) stack_->finish(id, world_.now);
}

void Engineer::read(netstack::FlowId id) {
  Flow& flow = flows_.at(id);
  while (const auto datagram = stack_->receive_datagram(id, world_.now)) flow.datagrams.push_back(*datagram);
  for (;;) {
    const Bytes bytes = stack_->readable(id)[0];
    if (bytes.empty()) return;
    for (const std::byte each : bytes) {
      if (each != byte_at(flow.received_bytes++)) flow.received_right = false;
    }
    const std::size_t kept =
        std::min(bytes.size(), received_kept_max - std::min(received_kept_max, flow.received.size()));
    flow.received += text_of(bytes.first(kept));
    flow.last_received = world_.now;
    stack_->consume(id, bytes.size(), world_.now);
  }
}

void Engineer::handle(const netstack::StackEvent& event) {
  if (const auto* connected = std::get_if<netstack::Connected>(&event)) {
    flows_[connected->flow].connected = true;
  } else if (const auto* readable = std::get_if<netstack::Readable>(&event)) {
    read(readable->flow);
  } else if (const auto* writable = std::get_if<netstack::Writable>(&event)) {
    write(writable->flow);
  } else if (const auto* finished = std::get_if<netstack::PeerFinished>(&event)) {
    flows_[finished->flow].finished_by_peer = true;
  } else if (const auto* closed = std::get_if<netstack::Closed>(&event)) {
    flows_[closed->flow].closed = closed->why;
  } else if (const auto* incoming = std::get_if<netstack::Incoming>(&event)) {
    ADD_FAILURE() << "the customer's side opened a flow to the engineer";
    stack_->refuse(incoming->flow, netstack::Refusal::silent);
  }
}

// ---- driving
// ------------------------------------------------------------------------------------------------------------

void Engineer::handled() {
  const auto packets = node_->take_packets();
  if (packets.empty()) return;
  packets_in_ += packets.size();
  pongs_ += static_cast<std::uint64_t>(std::ranges::count_if(packets, is_echo_reply));
  stack_->handle_burst(packets, world_.now);
}

void Engineer::drain() {
  for (bool any = true; any;) {
    any = false;
    while (const auto event = node_->poll_event()) {
      obey(*event);
      any = true;
    }
    while (const auto admission = node_->take_admission()) node_->admit(admission->node_key, true, world_.now);
    while (const auto event = stack_->poll_event()) {
      handle(*event);
      any = true;
    }
    for (;;) {
      while (const auto run = node_->poll_udp()) {
        internet_.send(site_, inside_, run->to, run->segments, run->segment_bytes);
        any = true;
      }
      batch_.clear();
      if (!node_->wants_packets(world_.now) || !stack_->poll_transmit(batch_, world_.now)) break;
      node_->send(batch_, world_.now);
      any = true;
    }
    any |= streams_.pump();
  }
}

void Engineer::obey(const node::Event& event) {
  if (const auto* want = std::get_if<node::WantStream>(&event)) {
    world_.after(2 * Internet::latency, [this, life = life_, want = *want] {
      if (life != life_) return;
      if (streams_.answers(want.to)) {
        streams_.open(want.stream, want.to);
      } else {
        node_->stream_failed(want.stream, {node::StreamTrouble::unreachable, "refused"}, world_.now);
        handled();
      }
      drain();
    });
  } else if (const auto* drop = std::get_if<node::DropStream>(&event)) {
    streams_.close(drop->stream);
  } else if (std::holds_alternative<node::WantJoinKey>(event)) {
    world_.after(milliseconds(1), [this, life = life_] {
      if (life != life_) return;
      node_->provide_join_key(join_key_, world_.now);
      drain();
    });
  } else if (const auto* registered = std::get_if<node::Registered>(&event)) {
    addresses = registered->addresses;
    stack_->set_addresses(addresses);
  } else if (std::holds_alternative<node::Online>(event)) {
    is_online_ = true;
  } else if (const auto* resolve = std::get_if<node::ResolveStun>(&event)) {
    const Relay* relay = servers_.relay(resolve->region);
    node_->set_stun_addresses(resolve->region, relay ? std::vector{relay->stun()} : std::vector<Endpoint>{},
                              world_.now);
  } else if (const auto* path = std::get_if<node::PathChanged>(&event)) {
    paths_[path->peer] = path->kind;
  }
}

node::PathKind Engineer::path_to(const crypto::NodePublicKey& peer) const {
  const auto path = paths_.find(peer);
  return path == paths_.end() ? node::PathKind::none : path->second;
}

std::optional<Instant> Engineer::poll_timeout() const {
  auto next = node_->poll_timeout();
  const auto stack = stack_->poll_timeout();
  return next && stack ? std::min(*next, *stack) : (next ? next : stack);
}

void Engineer::handle_timeout() {
  node_->handle_timeout(world_.now);
  handled();
  stack_->handle_timeout(world_.now);
  drain();
}

void Engineer::handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes) {
  node_->handle_datagrams(from, datagrams, segment_bytes, world_.now);
  handled();
  drain();
}

}  // namespace quoin::simulation
