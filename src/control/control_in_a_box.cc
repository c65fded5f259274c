#include "control/control_in_a_box.h"

#include <algorithm>

#include "noise/early_payload.h"

namespace quoin::control {
namespace {

constexpr std::size_t transmit_bytes_max = 64 * 1024;

FilterRules everything() {
  return {FilterRule{.src_ips = {"*"},
                     .src_bits = {},
                     .dst_ports = {NetPortRange{.ip = "*", .bits = {}, .ports = {0, 65535}}},
                     .ip_proto = {}}};
}

UserId user_id(std::string_view login) {
  std::uint32_t id = 0;
  for (const char c : login) id = id * 31 + static_cast<unsigned char>(c);
  return static_cast<UserId>(id) + 1;
}

}  // namespace

ControlInABox::ControlInABox(crypto::MachinePrivateKey machine, Random& random)
    : filter(everything()), machine_(std::move(machine)), random_(random) {}

// ---- the wire ---------------------------------------------------------------------------------------------------

std::optional<ControlInABox::ConnectionId> ControlInABox::connect(Bytes initiation) {
  noise::ServerHandshake handshake(machine_.copy(), random_);
  const auto read = handshake.handle(initiation);
  if (!read || !*read || (*read)->version < moods.version_min) return std::nullopt;
  auto accepted = handshake.accept();
  if (!accepted) return std::nullopt;
  Connection connection{.transport = std::move(accepted->transport),
                        .http = Http2Server(request_bytes_max),
                        .machine = (*read)->client,
                        .to_send = std::move(accepted->response)};
  if (moods.early_payload) {
    const std::string challenge = R"({"nodeKeyChallenge":"chalpub:)" + std::string(64, '0') + "\"}";
    (void)connection.transport.send(noise::early_payload(bytes_of(challenge)), connection.to_send);
  }
  connections_.emplace(next_connection_, std::move(connection));
  return next_connection_++;
}

void ControlInABox::handle_bytes(ConnectionId id, Bytes wire) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  Buffer plain;
  const auto received = connection.transport.receive(wire, plain);
  connection.http.handle_bytes(plain);
  while (const auto event = connection.http.poll_event()) {
    if (const auto* request = std::get_if<RequestReceived>(&*event)) {
      answer(id, connection, *request);
    } else {
      stream_gone(id, std::get<StreamEnded>(*event).stream);
    }
  }
  if (!received || !connection.http.alive()) disconnect(id);
}

Buffer ControlInABox::poll_transmit(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return {};
  Buffer wire = std::exchange(found->second.to_send, {});
  Buffer plain;
  found->second.http.transmit(plain, transmit_bytes_max);
  (void)found->second.transport.send(plain, wire);
  return wire;
}

void ControlInABox::disconnect(ConnectionId id) {
  if (connections_.erase(id) != 0) stream_gone(id, std::nullopt);
}

void ControlInABox::restart() {
  while (!connections_.empty()) disconnect(connections_.begin()->first);
}

void ControlInABox::stream_gone(ConnectionId id, std::optional<StreamId> stream) {
  std::vector<crypto::NodePublicKey> gone;
  for (const auto& [key, each] : streams_) {
    if (each.connection == id && (!stream || each.stream == *stream)) gone.push_back(key);
  }
  for (const auto& key : gone) {
    streams_.erase(key);
    if (const auto known = nodes_.find(key); known != nodes_.end()) {
      known->second.node.online = false;
      tell_others(key);
    }
  }
}

// ---- requests ---------------------------------------------------------------------------------------------------

void ControlInABox::answer(ConnectionId id, Connection& connection, const RequestReceived& request) {
  if (moods.silent) return;
  const StreamId stream = request.stream;
  std::vector<Http2Header> headers;
  if (!moods.retry_after.empty()) headers.push_back({"retry-after", moods.retry_after});
  if (request.path == "/machine/register") {
    const auto message = decode_register_request(request.body);
    if (!message) return connection.http.respond(stream, 400, bytes_of("bad request"));
    registers.push_back(*message);
    if (moods.register_status != 200) {
      return connection.http.respond(stream, moods.register_status, bytes_of("not today"), headers);
    }
    return connection.http.respond(stream, 200, bytes_of(encode(answer_register(connection, *message))));
  }
  if (request.path == "/machine/map") {
    const auto message = decode_map_request(request.body);
    if (!message) return connection.http.respond(stream, 400, bytes_of("bad request"));
    (message->stream ? streams : lite_updates).push_back(*message);
    const int status = message->stream ? moods.stream_status : moods.lite_status;
    if (status != 200) return connection.http.respond(stream, status, bytes_of("not today"), headers);
    return answer_map(id, connection, stream, *message);
  }
  connection.http.respond(stream, 404, bytes_of("not found"));
}

RegisterResponse ControlInABox::answer_register(const Connection& connection, const RegisterRequest& request) {
  RegisterResponse response;
  response.error = moods.register_error;
  response.auth_url = moods.auth_url;
  if (!response.error.empty() || !response.auth_url.empty()) return response;

  const auto known = nodes_.find(request.node_key);
  const bool logs_out = !request.expiry.is_zero() && request.expiry.unix_seconds < 1'000'000'000;
  if (known != nodes_.end() && known->second.machine != connection.machine) {
    response.error = "node key in use";
  } else if (logs_out) {
    if (known != nodes_.end()) delete_node(request.node_key);
    response.node_key_expired = true;
  } else if (known == nodes_.end() && !request.auth) {
    response.auth_url = "https://control.example/register/1";
  } else if (known == nodes_.end() && !join_keys.contains(request.auth->auth_key)) {
    response.error = "invalid key: unable to validate API key";
  }
  if (!response.error.empty() || !response.auth_url.empty() || logs_out) return response;

  if (known == nodes_.end()) {
    const Owner owner = join_keys[request.auth->auth_key];
    if (owner.once) join_keys.erase(request.auth->auth_key);
    const std::string login = owner.tags.empty() ? owner.login : "tagged-devices";
    Known made;
    made.machine = connection.machine;
    made.ephemeral = request.ephemeral;
    made.user = {.id = user_id(login), .login_name = login, .display_name = login};
    made.node.id = next_node_++;
    made.node.stable_id = "n" + std::to_string(made.node.id);
    made.node.name = request.hostinfo.hostname + ".box.example.";
    made.node.user = made.user.id;
    made.node.key = request.node_key;
    made.node.addresses = {Prefix::host(IpAddress::v4(0x64400000 + static_cast<std::uint32_t>(made.node.id))),
                           Prefix::host(*IpAddress::parse("fd7a:115c:a1e0::" + std::to_string(made.node.id)))};
    made.node.tags = owner.tags;
    made.node.cap = request.version;
    made.node.machine_authorized = true;
    made.node.online = false;
    nodes_.emplace(request.node_key, std::move(made));
  }
  const Known& node = nodes_.at(request.node_key);
  response.user = {.id = node.user.id, .display_name = node.user.display_name};
  response.login = {.id = node.user.id,
                    .provider = "box",
                    .login_name = node.user.login_name,
                    .display_name = node.user.display_name};
  response.machine_authorized = true;
  return response;
}

void ControlInABox::answer_map(ConnectionId id, Connection& connection, StreamId stream, const MapRequest& request) {
  const auto found = nodes_.find(request.node_key);
  if (found == nodes_.end() || found->second.machine != connection.machine) {
    return connection.http.respond(stream, 404, bytes_of("node not found"));
  }
  Known& known = found->second;
  take_values(known, request);
  if (!request.stream) {
    tell_others(request.node_key);
    return connection.http.respond(stream, 200, {});
  }
  if (moods.ends_streams) return connection.http.respond(stream, 200, {});
  end_stream(request.node_key);
  known.node.online = true;
  streams_[request.node_key] = {id, stream};
  connection.http.begin_response(stream, 200);
  send(request.node_key, snapshot(known));
  tell_others(request.node_key);
}

void ControlInABox::take_values(Known& known, const MapRequest& request) {
  if (!request.disco_key.is_zero()) known.node.disco_key = request.disco_key;
  if (!request.endpoints.empty()) known.node.endpoints = request.endpoints;
  if (request.hostinfo && request.hostinfo->net_info && request.hostinfo->net_info->preferred_derp != 0) {
    known.node.home_derp = request.hostinfo->net_info->preferred_derp;
  }
}

MapResponse ControlInABox::snapshot(const Known& known) const {
  MapResponse map;
  map.node = known.node;
  map.derp_map = relays;
  map.packet_filters.emplace()["base"] = filter;
  for (const auto& [key, other] : nodes_) {
    if (std::ranges::find(map.user_profiles, other.user.id, &UserProfile::id) == map.user_profiles.end()) {
      map.user_profiles.push_back(other.user);
    }
    if (key != known.node.key) map.peers.push_back(other.node);
  }
  map.control_time = Timestamp{1'790'000'000};
  return map;
}

void ControlInABox::tell_others(const crypto::NodePublicKey& about) {
  const Known& known = nodes_.at(about);
  MapResponse message;
  message.peers_changed.push_back(known.node);
  message.user_profiles.push_back(known.user);
  for (const auto& [key, stream] : streams_) {
    if (key != about) send(key, message);
  }
}

// ---- an administrator -------------------------------------------------------------------------------------------

void ControlInABox::send_keepalives() {
  for (const auto& [key, stream] : streams_) send_text(key, R"({"KeepAlive":true})");
}

void ControlInABox::send(const crypto::NodePublicKey& to, const MapResponse& message) {
  send_text(to, encode(message));
}

void ControlInABox::send_text(const crypto::NodePublicKey& to, std::string_view json) {
  send_frame(to, map_frame(json, moods.compression));
}

void ControlInABox::send_frame(const crypto::NodePublicKey& to, Bytes frame) {
  const auto stream = streams_.find(to);
  if (stream == streams_.end()) return;
  const auto connection = connections_.find(stream->second.connection);
  if (connection == connections_.end()) return;
  connection->second.http.send(stream->second.stream, frame);
}

void ControlInABox::delete_node(const crypto::NodePublicKey& key) {
  const auto found = nodes_.find(key);
  if (found == nodes_.end()) return;
  MapResponse message;
  message.peers_removed.push_back(found->second.node.id);
  nodes_.erase(found);
  for (const auto& [other, stream] : streams_) {
    if (other != key) send(other, message);
  }
}

void ControlInABox::end_stream(const crypto::NodePublicKey& key) {
  const auto stream = streams_.extract(key);
  if (stream.empty()) return;
  const auto connection = connections_.find(stream.mapped().connection);
  if (connection != connections_.end()) connection->second.http.finish(stream.mapped().stream);
}

bool ControlInABox::streams_to(const crypto::NodePublicKey& key) const {
  return streams_.contains(key);
}

std::optional<Node> ControlInABox::node(const crypto::NodePublicKey& key) const {
  const auto found = nodes_.find(key);
  if (found == nodes_.end()) return std::nullopt;
  return found->second.node;
}

}  // namespace quoin::control
