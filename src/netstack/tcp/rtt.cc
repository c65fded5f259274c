#include "netstack/tcp/rtt.h"

#include <algorithm>

namespace quoin::netstack::tcp {

void RoundTrip::sample(Duration rtt, Instant now) {
  rtt = std::max<Duration>(rtt, microseconds(1));
  if (smoothed_) {
    // RTTVAR <- (1 - beta) * RTTVAR + beta * |SRTT - R'|   with beta = 1/4
    // SRTT   <- (1 - alpha) * SRTT + alpha * R'            with alpha = 1/8
    const Duration distance = rtt > *smoothed_ ? rtt - *smoothed_ : *smoothed_ - rtt;
    variation_ += (distance - variation_) / 4;
    *smoothed_ += (rtt - *smoothed_) / 8;
  } else {
    smoothed_ = rtt;
    variation_ = rtt / 2;
  }
  backoff_ = 0;
  if (!minimum_ || rtt <= *minimum_ || now - minimum_at_ > minimum_lifetime) {
    minimum_ = rtt;
    minimum_at_ = now;
  }
}

// The timeout stays backed off until a round trip was measured (RFC 6298, section 5.7): else a path that became slower
// than the timeout would make every segment leave twice for ever. Four times is enough for that to end, and a path that
// loses much does not sit out a minute for each segment.
void RoundTrip::progress_without_sample() {
  backoff_ = std::min(backoff_, 2);
}

void RoundTrip::back_off() {
  if (timeout() < timeout_max) backoff_++;
}

// The floor is on the variation rather than on the sum: a peer may delay its acknowledgment by up to that whatever the
// length of the path.
Duration RoundTrip::timeout() const {
  return std::min(timeout_max, timeout_at_first() * (std::int64_t{1} << backoff_));
}

Duration RoundTrip::timeout_at_first() const {
  return smoothed_ ? std::min(timeout_max, *smoothed_ + std::max(timeout_min, 4 * variation_)) : timeout_first;
}

}  // namespace quoin::netstack::tcp
