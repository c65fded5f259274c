// Delivery rate: how fast the path really carries data (draft-cheng-iccrg-delivery-rate-estimation).
//
// With each transmission the sender notes how much had been delivered until then. When it is acknowledged, the bytes
// delivered since, over the longer of the time it took to send them and the time it took to acknowledge them, are one
// sample. Samples from times when the application had nothing to send are marked: they say less than the path can.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace quoin::netstack::tcp {

// Noted with a transmission.
struct DeliverySnapshot {
  std::uint64_t delivered = 0;
  Instant delivered_at{};
  Instant first_sent_at{};
  bool application_limited = false;
};

struct RateSample {
  std::uint64_t bytes = 0;  // delivered over the interval
  Duration interval{0};
  std::uint64_t prior_delivered = 0;
  bool application_limited = false;

  double bytes_per_second() const { return static_cast<double>(bytes) * 1e9 / static_cast<double>(interval.count()); }
};

class RateSampler {
 public:
  DeliverySnapshot sent(Instant now, bool nothing_in_flight);
  // A transmission was delivered (acknowledged or sacked); call for each, then take the sample.
  void delivered(const DeliverySnapshot& snapshot, Instant sent_at, std::uint64_t bytes, Instant now);
  // The sample of this acknowledgment; none if nothing was delivered or the interval is shorter than the least round
  // trip, which only happens when acknowledgments were compressed or a retransmission was ambiguous.
  std::optional<RateSample> take(std::optional<Duration> minimum_rtt);

  // The application has no more to send although the window would allow it.
  void application_limited(std::uint64_t in_flight) { limited_until_ = delivered_ + (in_flight > 0 ? in_flight : 1); }
  std::uint64_t delivered() const { return delivered_; }

 private:
  std::uint64_t delivered_ = 0;
  Instant delivered_at_{};
  Instant first_sent_at_{};
  std::uint64_t limited_until_ = 0;  // 0: not limited
  std::optional<DeliverySnapshot> newest_;
  Instant newest_sent_at_{};
};

}  // namespace quoin::netstack::tcp
