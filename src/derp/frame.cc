#include "derp/frame.h"

#include <cassert>

namespace quoin::derp {
namespace {

constexpr std::array<std::byte, 8> server_key_magic = {std::byte{0x44}, std::byte{0x45}, std::byte{0x52},
                                                       std::byte{0x50}, std::byte{0xf0}, std::byte{0x9f},
                                                       std::byte{0x94}, std::byte{0x91}};
constexpr std::size_t peer_present_bytes_max = 256;  // 51 today

struct Bound {
  std::size_t least;
  std::size_t most;
};

// The lengths that a payload of each type may have.
std::optional<Bound> bound_of(std::uint8_t type) {
  constexpr std::size_t key = crypto::key_bytes;
  constexpr std::size_t box = crypto::key_bytes + 8;  // nonce and tag
  switch (static_cast<FrameType>(type)) {
    case FrameType::server_key: return Bound{server_key_magic.size() + key, server_key_bytes_max};
    case FrameType::client_info: return Bound{key + box, login_bytes_max};
    case FrameType::server_info: return Bound{box, login_bytes_max};
    case FrameType::send_packet:
    case FrameType::recv_packet: return Bound{key, key + packet_bytes_max};
    case FrameType::forward_packet: return Bound{2 * key, 2 * key + packet_bytes_max};
    case FrameType::keep_alive:
    case FrameType::watch_connections: return Bound{0, ping_bytes_max};
    case FrameType::note_preferred: return Bound{1, 1};
    case FrameType::peer_gone: return Bound{key, key + ping_bytes_max};
    case FrameType::peer_present: return Bound{key, peer_present_bytes_max};
    case FrameType::close_peer: return Bound{key, key};
    case FrameType::ping:
    case FrameType::pong: return Bound{std::tuple_size_v<PingBytes>, ping_bytes_max};
    case FrameType::health: return Bound{0, health_bytes_max};
    case FrameType::restarting: return Bound{8, ping_bytes_max};
  }
  return std::nullopt;
}

PeerGoneReason reason_of(Reader& reader) {
  if (reader.remaining() == 0) return PeerGoneReason::disconnected;  // relays before the reason existed
  switch (reader.u8()) {
    case 0x00: return PeerGoneReason::disconnected;
    case 0x01: return PeerGoneReason::not_here;
    default: return PeerGoneReason::other;
  }
}

MutableBytes after_keys(const Frame& frame, std::size_t keys) {
  return frame.payload.subspan(keys * crypto::key_bytes);
}

crypto::NodePublicKey read_key(Reader& reader) {
  return crypto::NodePublicKey(reader.array<crypto::key_bytes>());
}

}  // namespace

std::optional<std::size_t> payload_bytes_max(std::uint8_t type) {
  const auto bound = bound_of(type);
  if (!bound) return std::nullopt;
  return bound->most;
}

Result<std::optional<ToClient>, FrameError> parse_to_client(const Frame& frame) {
  const auto bound = bound_of(static_cast<std::uint8_t>(frame.type));
  if (!bound) return std::nullopt;
  if (frame.payload.size() > bound->most) return failure(FrameError::too_large);
  if (frame.payload.size() < bound->least) return failure(FrameError::malformed);
  Reader reader(frame.payload);
  switch (frame.type) {
    case FrameType::server_key:
      if (!equal(reader.take(server_key_magic.size()), server_key_magic)) return failure(FrameError::malformed);
      return ServerKey{RelayPublicKey(reader.array<crypto::key_bytes>())};
    case FrameType::server_info: return SealedServerInfo{frame.payload};
    case FrameType::recv_packet: return RecvPacket{.source = read_key(reader), .packet = after_keys(frame, 1)};
    case FrameType::keep_alive: return KeepAlive{};
    case FrameType::peer_gone: {
      const auto peer = read_key(reader);
      return PeerGone{.peer = peer, .reason = reason_of(reader)};
    }
    case FrameType::peer_present: return PeerPresent{read_key(reader)};
    case FrameType::ping: return Ping{reader.array<8>()};
    case FrameType::pong: return Pong{reader.array<8>()};
    case FrameType::health: return Health{text_of(frame.payload)};
    case FrameType::restarting: {
      const auto reconnect_in = milliseconds(reader.u32());
      return Restarting{.reconnect_in = reconnect_in, .try_for = milliseconds(reader.u32())};
    }
    case FrameType::client_info:
    case FrameType::send_packet:
    case FrameType::forward_packet:
    case FrameType::note_preferred:
    case FrameType::watch_connections:
    case FrameType::close_peer: return std::nullopt;
  }
  return std::nullopt;
}

Result<std::optional<ToRelay>, FrameError> parse_to_relay(const Frame& frame) {
  const auto bound = bound_of(static_cast<std::uint8_t>(frame.type));
  if (!bound) return std::nullopt;
  if (frame.payload.size() > bound->most) return failure(FrameError::too_large);
  if (frame.payload.size() < bound->least) return failure(FrameError::malformed);
  Reader reader(frame.payload);
  switch (frame.type) {
    case FrameType::client_info: {
      const auto client = read_key(reader);
      return SealedClientInfo{.client = client, .box = reader.rest()};
    }
    case FrameType::send_packet: return SendPacket{.destination = read_key(reader), .packet = after_keys(frame, 1)};
    case FrameType::forward_packet: {
      const auto source = read_key(reader);
      const auto destination = read_key(reader);
      return ForwardPacket{.source = source, .destination = destination, .packet = after_keys(frame, 2)};
    }
    case FrameType::note_preferred: {
      const std::uint8_t value = reader.u8();
      if (value > 1) return failure(FrameError::malformed);
      return NotePreferred{value == 1};
    }
    case FrameType::watch_connections: return WatchConnections{};
    case FrameType::close_peer: return ClosePeer{read_key(reader)};
    case FrameType::ping: return Ping{reader.array<8>()};
    case FrameType::pong: return Pong{reader.array<8>()};
    case FrameType::server_key:
    case FrameType::server_info:
    case FrameType::recv_packet:
    case FrameType::keep_alive:
    case FrameType::peer_gone:
    case FrameType::peer_present:
    case FrameType::health:
    case FrameType::restarting: return std::nullopt;
  }
  return std::nullopt;
}

void append_frame(Buffer& to, FrameType type, std::initializer_list<Bytes> payload) {
  std::size_t length = 0;
  for (const Bytes part : payload) length += part.size();
  assert(length <= *payload_bytes_max(static_cast<std::uint8_t>(type)));
  std::array<std::byte, frame_header_bytes> header;
  Writer writer(header);
  writer.u8(static_cast<std::uint8_t>(type));
  writer.u32(static_cast<std::uint32_t>(length));
  append(to, header);
  for (const Bytes part : payload) append(to, part);
}

void append_server_key(Buffer& to, const RelayPublicKey& key) {
  append_frame(to, FrameType::server_key, {server_key_magic, key.bytes()});
}

void append_peer_gone(Buffer& to, const crypto::NodePublicKey& peer, PeerGoneReason reason) {
  const std::array code = {static_cast<std::byte>(reason)};
  append_frame(to, FrameType::peer_gone, {peer.bytes(), code});
}

void append_note_preferred(Buffer& to, bool preferred) {
  const std::array value = {static_cast<std::byte>(preferred)};
  append_frame(to, FrameType::note_preferred, {value});
}

void append_restarting(Buffer& to, const Restarting& restarting) {
  const auto in_milliseconds = [](Duration duration) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<milliseconds>(duration).count());
  };
  std::array<std::byte, 8> payload;
  Writer writer(payload);
  writer.u32(in_milliseconds(restarting.reconnect_in));
  writer.u32(in_milliseconds(restarting.try_for));
  append_frame(to, FrameType::restarting, {payload});
}

}  // namespace quoin::derp
