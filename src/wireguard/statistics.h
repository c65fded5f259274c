// What is counted. A refused datagram is counted under its reason and never answered, logged or otherwise noticed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace quoin::wireguard {

enum class DropReason : std::uint8_t {
  not_wireguard,            // too short for a type, or a type that is none of the four (its reserved bytes included)
  wrong_length,             // a known type with a length that it cannot have
  wrong_mac1,               // the sender does not even know our public key
  cookie_needed,            // under load, without a valid mac2: answered with a cookie
  rate_limited,             // under load, with a valid mac2, but too many from this source or altogether
  handshake_not_authentic,  // a handshake message that does not open
  low_order_key,            // an ephemeral or static key that makes a shared secret of zeros
  old_timestamp,            // an initiation that is not newer than the last one of that peer
  initiation_flood,         // an initiation less than 20 ms after the last one of that peer
  unknown_initiator,        // authentic, but its key was not added; the newest one is held
  unexpected_response,      // a response that nobody waits for, or waits for no longer
  wrong_cookie,             // a cookie reply that does not open, or that nobody waits for
  unknown_receiver,         // data for a session that we do not have
  expired_session,          // data for a session older than 180 s
  counter_limit,            // data with a counter beyond the last allowed one
  replayed,                 // data with a counter that was seen, or is older than the window
  not_authentic,            // data that does not open
  bad_inner_packet,         // opened, but not an IP packet that fits its own length
  source_not_allowed,       // opened, but the inner source address is not this peer's
  staged_overflow,          // outgoing: the oldest of 128 packets that waited for a session
  staged_given_up,          // outgoing: waited for a session that did not come within 90 s
  outbox_overflow,          // outgoing: the owner does not drain poll_transmit
};
constexpr std::size_t drop_reasons = static_cast<std::size_t>(DropReason::outbox_overflow) + 1;

class DropCounts {
 public:
  void add(DropReason reason, std::uint64_t count = 1) { counts_[static_cast<std::size_t>(reason)] += count; }
  std::uint64_t operator[](DropReason reason) const { return counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts_) sum += count;
    return sum;
  }

 private:
  std::array<std::uint64_t, drop_reasons> counts_{};
};

struct PeerStatistics {
  std::optional<Instant> last_handshake;  // when the newest session was confirmed
  std::optional<Instant> last_received;   // the newest authentic message
  std::uint64_t received_bytes = 0;       // of all of them, whole
  std::uint64_t sent_bytes = 0;
};

}  // namespace quoin::wireguard
