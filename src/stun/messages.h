// STUN as Tailscale's nodes and relays speak it: one binding request, one binding response (RFC 8489, a small part).
//
//   request   40 bytes   0001 | 0014 | 2112a442 | transaction:12 | 8022 0008 "tailnode" | 8028 0004 fingerprint:4
//   response             0101 | length:2 | 2112a442 | transaction:12 | 0020 length:2 | 00 family:1 port:2 address
//                        port xor 2112; address xor 2112a442 and, for the rest of IPv6, the transaction
//
// A derper drops a request that has not exactly this SOFTWARE and, last, a right FINGERPRINT; its response has no
// fingerprint. It listens on a dual-stack socket and tells an IPv4 client its address as IPv6, ::ffff:a.b.c.d: the
// family byte decides how many bytes are read, and IpAddress unmaps them.
//
// Leniencies: unknown attributes are skipped, even those that RFC 8489 calls comprehension-required; a response may
// carry the pre-RFC XOR-MAPPED-ADDRESS (0x8020) or the plain MAPPED-ADDRESS (old servers, RFC 3489); no credentials are
// checked, since the transaction id is what ties a response to our request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

namespace quoin::stun {

using TransactionId = std::array<std::byte, 12>;

constexpr std::size_t header_bytes = 20;
constexpr std::size_t request_bytes = 40;
constexpr std::size_t message_bytes_max = 1500;  // a longer datagram is not taken for STUN

enum class StunError : std::uint8_t {
  not_stun,           // header, cookie or length
  other_kind,         // STUN, but not the kind of message asked for
  malformed,          // an attribute that does not fit the message or its own format
  wrong_fingerprint,  // FINGERPRINT is there, but wrong or not last
  not_tailnode,       // the strict form was asked for: SOFTWARE or FINGERPRINT is missing or another
  no_address,         // a response without an address we can read
};

// Whether a datagram on a shared socket is STUN's: at least a header, first two bits 0, the cookie.
bool is_stun(Bytes datagram);

std::array<std::byte, request_bytes> request(const TransactionId& transaction);

enum class RequestForm : std::uint8_t {
  any,       // every well-formed binding request; a fingerprint that is there must be right
  tailnode,  // only what a derper answers
};
Result<TransactionId, StunError> parse_request(Bytes datagram, RequestForm form);

// `mapped` is where the request came from. 32 bytes for IPv4, 44 for IPv6.
Buffer response(const TransactionId& transaction, const Endpoint& mapped);

struct Response {
  TransactionId transaction;
  Endpoint mapped;
};
Result<Response, StunError> parse_response(Bytes datagram);

}  // namespace quoin::stun
