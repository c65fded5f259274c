#include "servers.h"

#include <algorithm>
#include <utility>

namespace quoin::simulation {
namespace {

constexpr Duration relay_keep_alive = seconds(60);
constexpr Duration control_keep_alive = seconds(50);

}  // namespace

// ---- relay

Relay::Relay(World& world, path::RegionId region)
    : world_(world),
      region_(region),
      name_("relay of region " + std::to_string(region)),
      address_(IpAddress::v4(0xc633'6400U + region)),  // 198.51.100.<region>
      key_(derp::RelayPrivateKey::generate(world.chance)) {
  world.add(*this);
}

control::DerpRegion Relay::description() const {
  control::DerpRegion description;
  description.region_id = region_;
  description.region_code = "r" + std::to_string(region_);
  description.region_name = name_;
  control::DerpNode node;
  node.name = std::to_string(region_) + "a";
  node.region_id = region_;
  node.host_name = "relay" + std::to_string(region_) + ".example";
  description.nodes.push_back(std::move(node));
  return description;
}

void Relay::accept(const std::shared_ptr<Wire>& wire) {
  const Id id = next_++;
  Connection connection{
      wire, std::make_unique<derp::Accept>(key_, world_.chance, world_.now), world_.now + relay_keep_alive, {}};
  const auto added = connections_.emplace(id, std::move(connection)).first;
  wire->attach(Wire::Side::server, {.received = [this, id](MutableBytes bytes) { received(id, bytes); },
                                    .writable =
                                        [this, id] {
                                          const auto found = connections_.find(id);
                                          if (found != connections_.end()) pump(found->second);
                                        },
                                    .closed = [this, id] { remove(id); }});
  pump(added->second);
}

void Relay::received(Id id, Bytes bytes) {
  while (!bytes.empty()) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    bytes = found->second.login->handle_bytes(bytes);
    handle_events(id);
  }
}

void Relay::handle_events(Id id) {
  for (;;) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    const auto event = connection.login->poll_event();
    if (!event) return pump(connection);
    if (const auto* asked = std::get_if<derp::LoginAsked>(&*event)) {
      connection.login->admit({});
      const auto before = by_key_.find(asked->client);
      if (before != by_key_.end()) remove(before->second);  // one connection for a key: the newest
      by_key_[asked->client] = id;
    } else if (const auto* sent = std::get_if<derp::Sent>(&*event)) {
      forward(connection, *sent);
    } else if (std::holds_alternative<derp::Ended>(*event)) {
      return remove(id);
    }
  }
}

void Relay::forward(Connection& from, const derp::Sent& sent) {
  packets_++;
  world_.note(sent.packet.size());
  if (watch) watch(from.login->client(), sent.destination, sent.packet);
  if (world_.happens(loss)) return;
  from.has_sent_to.insert(sent.destination);
  const auto to = by_key_.find(sent.destination);
  if (to == by_key_.end()) {
    from.login->send_peer_gone(sent.destination, derp::PeerGoneReason::not_here);
    return;
  }
  Connection& receiver = connections_.at(to->second);
  receiver.login->send_packet(from.login->client(), sent.packet);
  pump(receiver);
}

void Relay::send_as(const crypto::NodePublicKey& from, const crypto::NodePublicKey& to, Bytes packet) {
  const auto found = by_key_.find(to);
  if (found == by_key_.end()) return;
  Connection& receiver = connections_.at(found->second);
  receiver.login->send_packet(from, packet);
  pump(receiver);
}

void Relay::say_gone(const crypto::NodePublicKey& peer, const crypto::NodePublicKey& to) {
  const auto found = by_key_.find(to);
  if (found == by_key_.end()) return;
  Connection& receiver = connections_.at(found->second);
  receiver.login->send_peer_gone(peer, derp::PeerGoneReason::not_here);
  pump(receiver);
}

void Relay::pump(Connection& connection) {
  for (;;) {
    const Bytes output = connection.login->output();
    if (output.empty()) return;
    const std::size_t count = connection.wire->write(Wire::Side::server, output);
    if (count == 0) return;
    connection.login->sent(count);
  }
}

void Relay::remove(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const crypto::NodePublicKey key = found->second.login->client();
  found->second.wire->close(Wire::Side::server);
  connections_.erase(found);
  const auto mine = by_key_.find(key);
  if (mine == by_key_.end() || mine->second != id) return;
  by_key_.erase(mine);
  for (auto& [other, connection] : connections_) {
    if (!connection.has_sent_to.contains(key)) continue;
    connection.login->send_peer_gone(key, derp::PeerGoneReason::disconnected);
    pump(connection);
  }
}

void Relay::go_down() {
  is_up = false;
  while (!connections_.empty()) remove(connections_.begin()->first);
}

void Relay::fall_silent() {
  is_up = false;
  for (auto& [id, connection] : connections_) connection.wire->cut();
  connections_.clear();
  by_key_.clear();
}

std::optional<Instant> Relay::poll_timeout() const {
  std::optional<Instant> next;
  for (const auto& [id, connection] : connections_) {
    const Instant at = std::min(connection.keep_alive_at, connection.login->poll_timeout().value_or(Instant::max()));
    next = next ? std::min(*next, at) : at;
  }
  return next;
}

void Relay::handle_timeout() {
  std::vector<Id> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const Id id : ids) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    found->second.login->handle_timeout(world_.now);
    if (world_.now >= found->second.keep_alive_at) {
      found->second.login->send_keep_alive();
      found->second.keep_alive_at = world_.now + relay_keep_alive;
    }
    handle_events(id);
  }
}

// ---- control

ControlServer::ControlServer(World& world)
    : box(crypto::MachinePrivateKey::generate(world.chance), world.chance),
      world_(world),
      keep_alive_at_(world.now + control_keep_alive) {
  world.add(*this);
}

bool ControlServer::accept(const std::shared_ptr<Wire>& wire, Bytes initiation) {
  const auto id = box.connect(initiation);
  if (!id) return false;
  wires_[*id] = wire;
  wire->attach(Wire::Side::server, {.received =
                                        [this, id = *id](MutableBytes bytes) {
                                          box.handle_bytes(id, bytes);
                                          pump();
                                        },
                                    .writable = [this] { pump(); },
                                    .closed =
                                        [this, id = *id] {
                                          box.disconnect(id);
                                          pump();
                                        }});
  pump();
  return true;
}

void ControlServer::pump() {
  for (auto wire = wires_.begin(); wire != wires_.end();) {
    Buffer& waiting = waiting_[wire->first];
    append(waiting, box.poll_transmit(wire->first));
    const std::size_t count = wire->second->write(Wire::Side::server, waiting);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count));
    if (box.connected(wire->first)) {
      ++wire;
      continue;
    }
    wire->second->close(Wire::Side::server);
    waiting_.erase(wire->first);
    wire = wires_.erase(wire);
  }
}

void ControlServer::go_down() {
  is_up = false;
  box.restart();
  pump();
}

void ControlServer::handle_timeout() {
  keep_alive_at_ = world_.now + control_keep_alive;
  box.send_keepalives();
  pump();
}

Servers::Servers(World& world, Internet& internet) : control(world), amsterdam(world, 1), frankfurt(world, 2) {
  control::DerpMap map;
  auto& regions = map.regions.emplace();
  for (const Relay* each : {&amsterdam, &frankfurt}) {
    regions[each->region()] = each->description();
    internet.add_stun_server(each->stun());
  }
  control.box.relays = std::move(map);
  control.box.join_keys["device-key"] = {.login = "", .tags = {"tag:device"}};
  control.box.join_keys["alice-key"] = {.login = "alice@example.com", .tags = {}};
  control.box.join_keys["mallory-key"] = {.login = "mallory@example.com", .tags = {}};
}

Relay* Servers::relay(path::RegionId region) {
  for (Relay* each : {&amsterdam, &frankfurt}) {
    if (each->region() == region) return each;
  }
  return nullptr;
}

}  // namespace quoin::simulation
