// DERP's frames, for both sides (Tailscale, derp/derp.go, protocol version 2).
//
//     | u8 type | u32 length, big endian | payload |
//
// Frames of unknown types are skipped by their length, in both directions. Everything else is bounded here, before a
// byte of it is stored.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"

namespace quoin::derp {

// The relay's own long-lived key. Only its bytes appear on the wire.
struct RelayRole {
  static constexpr std::string_view prefix = "derpkey:";
};
using RelayPublicKey = crypto::PublicKey<RelayRole>;
using RelayPrivateKey = crypto::PrivateKey<RelayRole>;

constexpr int protocol_version = 2;
constexpr std::size_t frame_header_bytes = 5;
constexpr std::size_t packet_bytes_max = 64 * 1024;  // inside SendPacket, RecvPacket, ForwardPacket
constexpr std::size_t login_bytes_max = 16 * 1024;   // ClientInfo and ServerInfo; the real ones are under 300
constexpr std::size_t server_key_bytes_max = 1024;   // a later version may append to it
constexpr std::size_t health_bytes_max = 16 * 1024;
constexpr std::size_t health_text_bytes_max = 1024;  // of those, what is kept, and what we would send
constexpr std::size_t ping_bytes_max = 1000;
constexpr std::size_t frame_payload_bytes_max = packet_bytes_max + 2 * crypto::key_bytes;
constexpr std::size_t skipped_payload_bytes_max = 1 << 20;  // of an unknown type
using PingBytes = std::array<std::byte, 8>;

enum class FrameType : std::uint8_t {
  server_key = 0x01,
  client_info = 0x02,
  server_info = 0x03,
  send_packet = 0x04,
  recv_packet = 0x05,
  keep_alive = 0x06,
  note_preferred = 0x07,
  peer_gone = 0x08,
  peer_present = 0x09,
  forward_packet = 0x0a,
  watch_connections = 0x10,
  close_peer = 0x11,
  ping = 0x12,
  pong = 0x13,
  health = 0x14,
  restarting = 0x15,
};

// How long a payload of this type may be; nothing for a type that is not known.
std::optional<std::size_t> payload_bytes_max(std::uint8_t type);

struct Frame {
  FrameType type;
  MutableBytes payload;  // in the reader's buffer
};

enum class FrameError : std::uint8_t {
  too_large,  // beyond the bound of its type
  malformed,  // shorter than its type's fixed fields, or of a length that its type does not have
};

// ---- payloads, relay to client

struct ServerKey {
  RelayPublicKey key;
};
struct SealedServerInfo {
  Bytes box;  // nonce, tag, JSON: to the client's key
};
struct RecvPacket {
  crypto::NodePublicKey source;
  MutableBytes packet;
};
struct KeepAlive {};
enum class PeerGoneReason : std::uint8_t { disconnected = 0x00, not_here = 0x01, other = 0xff };
struct PeerGone {
  crypto::NodePublicKey peer;
  PeerGoneReason reason;
};
struct PeerPresent {  // mesh only; address, port and flags are not read
  crypto::NodePublicKey peer;
};
struct Ping {
  PingBytes bytes;
};
struct Pong {
  PingBytes bytes;
};
struct Health {
  std::string_view text;  // empty: healthy again
};
struct Restarting {
  Duration reconnect_in;
  Duration try_for;
};
using ToClient = std::variant<ServerKey, SealedServerInfo, RecvPacket, KeepAlive, PeerGone, PeerPresent, Ping, Pong,
                              Health, Restarting>;

// ---- payloads, client to relay

struct SealedClientInfo {
  crypto::NodePublicKey client;
  Bytes box;  // nonce, tag, JSON: to the relay's key
};
struct SendPacket {
  crypto::NodePublicKey destination;
  MutableBytes packet;
};
struct ForwardPacket {  // mesh
  crypto::NodePublicKey source;
  crypto::NodePublicKey destination;
  MutableBytes packet;
};
struct NotePreferred {
  bool preferred;
};
struct WatchConnections {};  // mesh
struct ClosePeer {           // mesh
  crypto::NodePublicKey peer;
};
using ToRelay =
    std::variant<SealedClientInfo, SendPacket, ForwardPacket, NotePreferred, WatchConnections, ClosePeer, Ping, Pong>;

// Nothing for a frame that belongs to the other direction: it is skipped like an unknown one.
Result<std::optional<ToClient>, FrameError> parse_to_client(const Frame& frame);
Result<std::optional<ToRelay>, FrameError> parse_to_relay(const Frame& frame);

// ---- writing

// Appends a frame whose payload is the parts one after the other; they obey the bound of the type.
void append_frame(Buffer& to, FrameType type, std::initializer_list<Bytes> payload);

void append_server_key(Buffer& to, const RelayPublicKey& key);
void append_peer_gone(Buffer& to, const crypto::NodePublicKey& peer, PeerGoneReason reason);
void append_note_preferred(Buffer& to, bool preferred);
void append_restarting(Buffer& to, const Restarting& restarting);

}  // namespace quoin::derp
