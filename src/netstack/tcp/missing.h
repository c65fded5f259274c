// What the peer has sent and what has not arrived although it must have been sent again.
//
// Every segment tells how far the peer has come: a bare acknowledgment stands behind the last byte that was sent (RFC
// 9293, section 3.10.7). While that is beyond RCV.NXT something is on its way, or lost and sent again, each time after
// twice as long (RFC 6298). So once as much time has passed as from the last progress to the segment that told, the
// peer has tried again, and in vain; after seven retransmission timeouts it has tried three times. Where small packets
// pass and large ones do not, this is all that shows.
#pragma once

#include <algorithm>
#include <optional>

#include "base/time.h"
#include "netstack/tcp/sequence.h"
#include "netstack/tcp/timers.h"

namespace quoin::netstack::tcp {

class Missing {
 public:
  static constexpr Duration patience = milliseconds(500);
  static constexpr Duration certain_after = seconds(2);
  static constexpr Duration longest = minutes(10);  // between two reports

  struct Report {
    Instant since;  // the last progress
    bool certain;   // it has been sent again three times at least
    bool operator==(const Report&) const = default;
  };

  // A segment told that the peer has sent all before `claimed`; `next` is RCV.NXT after it. The peer's retransmission
  // timeout is taken to be like ours.
  void note(Position next, Position claimed, Duration timeout, Instant now, Timers& timers) {
    timeout_ = timeout;
    if (next != next_) {
      next_ = next;
      moved_at_ = now;
      timers.clear(Timer::missing);
    }
    if (claimed > next && !timers.armed(Timer::missing)) wait(now, timers);
  }
  // Reports again after as long once more, or ten minutes.
  Report handle_timer(Instant now, Timers& timers) {
    wait(now, timers);
    return {.since = moved_at_, .certain = now - moved_at_ >= std::max(certain_after, 7 * timeout_)};
  }

 private:
  void wait(Instant now, Timers& timers) const {
    timers.set(Timer::missing, now + std::max({patience, 2 * timeout_, std::min(now - moved_at_, longest)}));
  }

  Position next_ = 0;
  Instant moved_at_;  // when RCV.NXT last did
  Duration timeout_{};
};

}  // namespace quoin::netstack::tcp
