// TIME-WAIT, kept small (RFC 9293, section 3.6.1).
//
// The side that closed first waits until no old segment can come back, answers a repeated FIN, and otherwise only
// remembers enough to tell a new connection from an old duplicate. The application has nothing to do with it any more,
// so the stack may keep this value in place of the connection.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "netstack/tcp/segment.h"

namespace quoin::netstack::tcp {

class TimeWait {
 public:
  static constexpr Duration length = seconds(60);
  static constexpr Duration answer_interval = milliseconds(500);  // at most one acknowledgment in this time

  struct Last {
    std::uint32_t send_next = 0;
    std::uint32_t receive_next = 0;  // after the peer's FIN
    std::uint16_t window = 0;        // as last sent
    std::optional<std::uint32_t> timestamp_recent{};
    std::uint32_t timestamp_offset = 0;
  };
  TimeWait(const Last& last, Instant now);

  // The acknowledgment to send, if any. A repeated FIN starts the wait anew. A reset does not end it (RFC 1337).
  std::optional<Outgoing> handle_segment(const Segment& segment, Instant now);
  // Whether this SYN may open the next connection on the same ports at once (RFC 6191; RFC 9293, section 3.10.7.4).
  bool may_reopen(const Segment& syn) const;
  Instant expires() const { return expires_; }

 private:
  Outgoing acknowledgment(Instant now) const;

  Instant expires_;
  Instant answered_{};
  std::uint32_t send_next_;
  std::uint32_t receive_next_;
  std::uint32_t timestamp_recent_;
  std::uint32_t timestamp_offset_;
  std::uint16_t window_;
  bool timestamps_;
  bool has_answered_ = false;
};
static_assert(sizeof(TimeWait) <= 64);

}  // namespace quoin::netstack::tcp
