// The frames of ts2021, Tailscale's control protocol below HTTP/2 (tailscale controlbase/messages.go). All big endian.
//
//   initiation  101 bytes   version:2 | 1 | 96:2 | e:32 | sealed s:32+16 | sealed nothing:16
//   response     51 bytes   2 | 48:2 | e:32 | sealed nothing:16
//   error                   3 | length:2 | text, not authenticated
//   record                  4 | length:2 | ciphertext and tag, `length` bytes together
//
// The handshake is Noise_IK_25519_ChaChaPoly_BLAKE2s with the prologue "Tailscale Control Protocol v" and the version
// in decimal, so a version changed on the way makes the handshake fail. Two differences from plain Noise: records count
// in BIG endian, and messages have these headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "noise/symmetric_state.h"

namespace quoin::noise {

enum class FrameType : std::uint8_t { initiation = 1, response = 2, error = 3, record = 4 };

constexpr std::size_t frame_header_bytes = 3;       // type and length
constexpr std::size_t initiation_header_bytes = 5;  // version, type and length
constexpr std::size_t initiation_bytes = 101;
constexpr std::size_t response_bytes = 51;
constexpr std::size_t record_bytes_max = 4096;  // on the wire, header and tag included
constexpr std::size_t record_plain_bytes_max = record_bytes_max - frame_header_bytes - crypto::aead_tag_bytes;
constexpr std::size_t error_text_bytes_max = 1024;  // a longer error frame is refused unread
constexpr std::size_t refusal_shown_bytes_max = 256;

// What either side of a handshake can meet.
enum class HandshakeError : std::uint8_t {
  refused,           // the server answered with an error frame: see ClientHandshake::refusal
  unexpected_frame,  // another type or length than the one that must come now
  low_order_key,     // a public key that makes every shared secret zero
  not_authentic,     // wrong server key, another version, or changed on the way
};

// The state both sides start from: name, prologue, then the server's public key as the pre-message.
SymmetricState control_handshake(std::uint16_t version, Bytes server_public_key);

// An error frame with at most error_text_bytes_max of the text.
Buffer error_frame(std::string_view text);

// Moves bytes from the front of `wire` to the end of `held` until `held` has `length`; whether it has.
bool take_until(Buffer& held, std::size_t length, Bytes& wire);

}  // namespace quoin::noise
