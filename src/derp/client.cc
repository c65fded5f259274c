#include "derp/client.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace quoin::derp {
namespace {

constexpr std::uint64_t packet_cost(std::size_t packet_bytes) {
  return frame_header_bytes + crypto::key_bytes + packet_bytes;
}

}  // namespace

Client::Client(crypto::NodePrivateKey key, Random& random, Instant now)
    : key_(std::move(key)), random_(random), now_(now), deadline_(now + login_time_max) {}

void Client::stream_opened(Instant now) {
  if (state_ == State::awaits_server_key) deadline_ = now + login_time_max;
}

MutableBytes Client::receive_space() {
  return reader_.space();
}

void Client::handle_received(std::size_t bytes, Instant now) {
  reader_.filled(bytes);
  now_ = now;
}

Bytes Client::handle_bytes(Bytes bytes, Instant now) {
  const MutableBytes space = receive_space();
  const std::size_t taken = std::min(space.size(), bytes.size());
  std::ranges::copy(bytes.first(taken), space.begin());
  handle_received(taken, now);
  return bytes.subspan(taken);
}

void Client::send_packet(const crypto::NodePublicKey& destination, Bytes packet, Instant now) {
  if (limit_ && !limit_->take(packet_cost(packet.size()), now)) {
    packets_over_limit_++;
    return;
  }
  queue_.append_packet(FrameType::send_packet, destination, packet);
}

void Client::send_packets(const crypto::NodePublicKey& destination, Bytes segments, std::size_t segment_bytes,
                          Instant now) {
  assert(segment_bytes > 0);
  while (!segments.empty()) {
    const std::size_t length = std::min(segment_bytes, segments.size());
    send_packet(destination, segments.first(length), now);
    segments = segments.subspan(length);
  }
}

void Client::note_preferred(bool is_home) {
  preferred_due_ = is_home;
}

void Client::ping(Instant now) {
  if (awaited_pong_ || state_ != State::logged_in) return;
  awaited_pong_ = Awaited{.bytes = random_.array<8>(), .until = now + ping_answer_time_max};
  ping_due_ = true;
}

Bytes Client::output() {
  if (state_ == State::failed || state_ == State::awaits_server_key) return {};
  append_due_control();
  return queue_.output();
}

void Client::sent(std::size_t bytes) {
  queue_.sent(bytes);
}

// Control frames are made when they can be written, so there is never more than one of a kind waiting.
void Client::append_due_control() {
  if (queue_.has_control_waiting()) return;
  Buffer frames;
  if (pong_due_) append_frame(frames, FrameType::pong, {*std::exchange(pong_due_, std::nullopt)});
  if (ping_due_ && awaited_pong_) append_frame(frames, FrameType::ping, {awaited_pong_->bytes});
  ping_due_ = false;
  if (preferred_due_) append_note_preferred(frames, *std::exchange(preferred_due_, std::nullopt));
  const bool fits = queue_.append_control(frames);
  assert(fits);
  static_cast<void>(fits);
}

std::optional<ClientEvent> Client::poll_event() {
  if (failure_) return std::exchange(failure_, std::nullopt);
  while (state_ != State::failed) {
    auto frame = reader_.next();
    if (!frame) return fail(ClientError::frame);
    if (!*frame) return std::nullopt;
    if (state_ == State::logged_in) deadline_ = now_ + silence_max;
    if (auto event = handle(**frame)) return event;
  }
  return std::nullopt;
}

std::optional<ClientEvent> Client::handle(const Frame& frame) {
  switch (state_) {
    case State::awaits_server_key: return handle_server_key(frame);
    case State::awaits_server_info: return handle_server_info(frame);
    case State::logged_in: return handle_steady(frame);
    case State::failed: return std::nullopt;
  }
  return std::nullopt;
}

std::optional<ClientEvent> Client::handle_server_key(const Frame& frame) {
  const auto message = parse_to_client(frame);
  if (!message || !*message || !std::holds_alternative<ServerKey>(**message)) return fail(ClientError::not_a_relay);
  relay_ = std::get<ServerKey>(**message).key;
  const auto login = seal_client_info(ClientInfo{}, *key_, relay_, random_);
  if (!login) return fail(ClientError::not_a_relay);
  Buffer login_frame;
  append_frame(login_frame, FrameType::client_info, {*login});
  const bool fits = queue_.append_control(login_frame);
  assert(fits);
  static_cast<void>(fits);
  state_ = State::awaits_server_info;
  return std::nullopt;
}

std::optional<ClientEvent> Client::handle_server_info(const Frame& frame) {
  const auto message = parse_to_client(frame);
  if (!message || !*message) return fail(ClientError::frame);
  const auto* sealed = std::get_if<SealedServerInfo>(&**message);
  if (sealed == nullptr) return fail(ClientError::not_a_relay);
  const auto info = open_server_info(sealed->box, *key_, relay_);
  if (!info) return fail(ClientError::login_refused);
  if (info->bytes_per_second > 0 && info->bytes_burst > 0) {
    limit_.emplace(info->bytes_per_second, info->bytes_burst, now_);
  }
  key_.reset();
  state_ = State::logged_in;
  deadline_ = now_ + silence_max;
  return LoggedIn{.relay = relay_, .info = *info};
}

std::optional<ClientEvent> Client::handle_steady(const Frame& frame) {
  const auto message = parse_to_client(frame);
  if (!message) return fail(ClientError::frame);
  if (!*message) return std::nullopt;
  if (const auto* packet = std::get_if<RecvPacket>(&**message)) {
    return Received{.source = packet->source, .packet = packet->packet};
  }
  if (const auto* gone = std::get_if<PeerGone>(&**message)) return *gone;
  if (const auto* restarting = std::get_if<Restarting>(&**message)) return *restarting;
  if (const auto* health = std::get_if<Health>(&**message)) {
    return HealthChanged{std::string(health->text.substr(0, health_text_bytes_max))};
  }
  if (const auto* ping = std::get_if<Ping>(&**message)) {
    if (!pong_due_) pong_due_ = ping->bytes;
  } else if (const auto* pong = std::get_if<Pong>(&**message)) {
    if (awaited_pong_ && awaited_pong_->bytes == pong->bytes) awaited_pong_.reset();
  }
  // KeepAlive has done its work by arriving; ServerKey and ServerInfo come again after a fast start; PeerPresent is for
  // meshes.
  return std::nullopt;
}

ClientEvent Client::fail(ClientError why) {
  state_ = State::failed;
  key_.reset();
  awaited_pong_.reset();
  return Failed{why};
}

std::optional<Instant> Client::poll_timeout() const {
  if (state_ == State::failed) return std::nullopt;
  return awaited_pong_ ? std::min(deadline_, awaited_pong_->until) : deadline_;
}

void Client::handle_timeout(Instant now) {
  const auto due = poll_timeout();
  if (!due || now < *due) return;
  failure_ = std::get<Failed>(fail(ClientError::silent));
}

}  // namespace quoin::derp
