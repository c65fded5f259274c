// Round-trip time and retransmission timeout (RFC 6298), and the least round trip seen lately.
#pragma once

#include <optional>

#include "base/time.h"

namespace quoin::netstack::tcp {

class RoundTrip {
 public:
  static constexpr Duration timeout_first = seconds(1);
  static constexpr Duration timeout_min = milliseconds(200);  // below the RFC's second, as every large stack
  static constexpr Duration timeout_max = seconds(60);
  static constexpr Duration minimum_lifetime = minutes(5);  // after which a path is taken to have changed

  void sample(Duration rtt, Instant now);
  void back_off();  // after a timeout: the next waits twice as long
  void stop_backing_off() { backoff_ = 0; }
  void progress_without_sample();  // something arrived, but it is not known which transmission

  Duration timeout() const;
  Duration timeout_at_first() const;  // of something that is sent for the first time
  std::optional<Duration> smoothed() const { return smoothed_; }
  Duration variation() const { return variation_; }
  std::optional<Duration> minimum() const { return minimum_; }

 private:
  std::optional<Duration> smoothed_;
  Duration variation_{0};
  std::optional<Duration> minimum_;
  Instant minimum_at_{};
  int backoff_ = 0;  // times the timeout is doubled
};

}  // namespace quoin::netstack::tcp
