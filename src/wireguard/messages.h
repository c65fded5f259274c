// WireGuard on the wire (paper, section 5.4). All integers are little endian.
//
//   initiation, 148 bytes                           response, 92 bytes
//     0  u32   1                                      0  u32   2
//     4  u32   sender index                           4  u32   sender index
//     8  32    ephemeral public key                   8  u32   receiver index
//    40  32+16 sealed static public key              12  32    ephemeral public key
//    88  12+16 sealed TAI64N timestamp               44  0+16  sealed nothing
//   116  16    mac1                                  60  16    mac1
//   132  16    mac2                                  76  16    mac2
//
//   cookie reply, 64 bytes                          transport data, 32 bytes and more
//     0  u32   3                                      0  u32   4
//     4  u32   receiver index                         4  u32   receiver index
//     8  24    nonce                                  8  u64   counter
//    32  16+16 sealed cookie                         16  n+16  sealed packet, n = 0 for a keepalive
//
// The type is read as a u32, so the three reserved bytes after the type byte must be zero. A sealed packet is padded to
// a multiple of 16 but not beyond the sender's MTU, so any n is accepted. Tailscale nodes may send single bytes of
// value 7 as UDP filler; they parse as nothing and are dropped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "wireguard/ids.h"

namespace quoin::wireguard {

enum class MessageType : std::uint32_t { initiation = 1, response = 2, cookie_reply = 3, transport = 4 };

constexpr std::size_t mac_bytes = 16;
constexpr std::size_t initiation_bytes = 148;
constexpr std::size_t response_bytes = 92;
constexpr std::size_t cookie_reply_bytes = 64;
constexpr std::size_t transport_header_bytes = 16;
constexpr std::size_t transport_bytes_min = 32;

using InitiationBytes = std::array<std::byte, initiation_bytes>;
using ResponseBytes = std::array<std::byte, response_bytes>;
using CookieReplyBytes = std::array<std::byte, cookie_reply_bytes>;

// What a datagram claims to be. Nothing if it is too short for a type or the type is none of ours.
std::optional<MessageType> message_type(Bytes datagram);

struct Initiation {
  SessionIndex sender;
  std::array<std::byte, 32> ephemeral{};
  std::array<std::byte, 32 + 16> sealed_static{};
  std::array<std::byte, 12 + 16> sealed_timestamp{};

  static std::optional<Initiation> parse(Bytes message);  // macs are read where they are checked
  InitiationBytes encode() const;                         // macs zero
};

struct Response {
  SessionIndex sender;
  SessionIndex receiver;
  std::array<std::byte, 32> ephemeral{};
  std::array<std::byte, 16> sealed_nothing{};

  static std::optional<Response> parse(Bytes message);
  ResponseBytes encode() const;  // macs zero
};

struct CookieReply {
  SessionIndex receiver;
  std::array<std::byte, 24> nonce{};
  std::array<std::byte, 16 + 16> sealed_cookie{};

  static std::optional<CookieReply> parse(Bytes message);
  CookieReplyBytes encode() const;
};

struct TransportHeader {
  SessionIndex receiver;
  std::uint64_t counter = 0;

  static std::optional<TransportHeader> parse(Bytes message);  // the sealed packet follows the header
  void write(MutableBytes sixteen) const;
};

// Where an initiation's or a response's macs are. Each covers all bytes before it.
inline Bytes mac1_of(Bytes message) {
  return message.subspan(message.size() - 2 * mac_bytes, mac_bytes);
}
inline Bytes mac2_of(Bytes message) {
  return message.last(mac_bytes);
}
inline Bytes before_mac1(Bytes message) {
  return message.first(message.size() - 2 * mac_bytes);
}
inline Bytes before_mac2(Bytes message) {
  return message.first(message.size() - mac_bytes);
}

}  // namespace quoin::wireguard
