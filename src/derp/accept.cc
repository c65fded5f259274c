#include "derp/accept.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace quoin::derp {
namespace {

constexpr std::size_t memory_bytes_initial = 4 * 1024;  // an idle client costs little

}  // namespace

Accept::Accept(const RelayPrivateKey& key, Random& random, Instant now)
    : key_(key.copy()), random_(random), reader_(memory_bytes_initial), deadline_(now + login_step_time_max) {
  Buffer frame;
  append_server_key(frame, key_.public_key());
  control(frame);
}

MutableBytes Accept::receive_space() {
  return reader_.space();
}

void Accept::handle_received(std::size_t bytes) {
  reader_.filled(bytes);
}

Bytes Accept::handle_bytes(Bytes bytes) {
  const MutableBytes space = receive_space();
  const std::size_t taken = std::min(space.size(), bytes.size());
  std::ranges::copy(bytes.first(taken), space.begin());
  handle_received(taken);
  return bytes.subspan(taken);
}

void Accept::admit(const ServerInfo& info) {
  assert(state_ == State::awaits_admission);
  const auto box = seal_server_info(info, key_, client_, random_);
  assert(box);  // the same pair of keys has just opened the client's
  Buffer frame;
  append_frame(frame, FrameType::server_info, {*box});
  control(frame);
  state_ = State::admitted;
}

void Accept::send_packet(const crypto::NodePublicKey& source, Bytes packet) {
  if (state_ == State::admitted) queue_.append_packet(FrameType::recv_packet, source, packet);
}

void Accept::send_keep_alive() {
  Buffer frame;
  append_frame(frame, FrameType::keep_alive, {});
  control(frame);
}

void Accept::send_peer_gone(const crypto::NodePublicKey& peer, PeerGoneReason reason) {
  Buffer frame;
  append_peer_gone(frame, peer, reason);
  control(frame);
}

void Accept::send_health(std::string_view text) {
  Buffer frame;
  append_frame(frame, FrameType::health, {bytes_of(text.substr(0, health_text_bytes_max))});
  control(frame);
}

void Accept::send_restarting(const Restarting& restarting) {
  Buffer frame;
  append_restarting(frame, restarting);
  control(frame);
}

void Accept::send_ping(const PingBytes& bytes) {
  Buffer frame;
  append_frame(frame, FrameType::ping, {bytes});
  control(frame);
}

void Accept::control(Bytes frame) {
  if (state_ == State::ended) return;
  if (!queue_.append_control(frame)) ending_ = std::get<Ended>(end(AcceptError::not_reading));
}

std::optional<AcceptEvent> Accept::poll_event() {
  if (ending_) return std::exchange(ending_, std::nullopt);
  while (state_ != State::ended) {
    auto frame = reader_.next();
    if (!frame) return end(AcceptError::frame);
    if (!*frame) return std::nullopt;
    if (auto event = handle(**frame)) return event;
    if (ending_) return std::exchange(ending_, std::nullopt);
  }
  return std::nullopt;
}

std::optional<AcceptEvent> Accept::handle(const Frame& frame) {
  const auto message = parse_to_relay(frame);
  if (!message) return end(AcceptError::frame);
  if (!*message) return std::nullopt;
  if (const auto* login = std::get_if<SealedClientInfo>(&**message)) {
    if (state_ != State::awaits_login) return std::nullopt;
    const auto info = open_client_info(*login, key_);
    if (!info) return end(AcceptError::login);
    client_ = login->client;
    state_ = State::awaits_admission;
    return LoginAsked{.client = client_, .info = *info};
  }
  if (state_ == State::awaits_login) return end(AcceptError::login);
  // A client may send right behind its login; the owner answers LoginAsked before it polls on.
  if (state_ != State::admitted) return end(AcceptError::not_permitted);
  if (const auto* packet = std::get_if<SendPacket>(&**message)) {
    return Sent{.destination = packet->destination, .packet = packet->packet};
  }
  if (const auto* preferred = std::get_if<NotePreferred>(&**message)) return Preferred{preferred->preferred};
  if (const auto* ping = std::get_if<Ping>(&**message)) {
    // One answer at a time: a client that only asks gets no more than it reads.
    if (queue_.has_control_waiting()) return std::nullopt;
    Buffer pong;
    append_frame(pong, FrameType::pong, {ping->bytes});
    control(pong);
    return std::nullopt;
  }
  if (std::holds_alternative<Pong>(**message)) return std::nullopt;
  return end(AcceptError::not_permitted);
}

AcceptEvent Accept::end(AcceptError why) {
  state_ = State::ended;
  return Ended{why};
}

std::optional<Instant> Accept::poll_timeout() const {
  if (state_ != State::awaits_login) return std::nullopt;
  return deadline_;
}

void Accept::handle_timeout(Instant now) {
  if (state_ == State::awaits_login && now >= deadline_) ending_ = std::get<Ended>(end(AcceptError::late));
}

}  // namespace quoin::derp
