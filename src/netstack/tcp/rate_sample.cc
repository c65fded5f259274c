#include "netstack/tcp/rate_sample.h"

#include <algorithm>

namespace quoin::netstack::tcp {

DeliverySnapshot RateSampler::sent(Instant now, bool nothing_in_flight) {
  if (nothing_in_flight) first_sent_at_ = delivered_at_ = now;
  return {.delivered = delivered_,
          .delivered_at = delivered_at_,
          .first_sent_at = first_sent_at_,
          .application_limited = limited_until_ != 0};
}

void RateSampler::delivered(const DeliverySnapshot& snapshot, Instant sent_at, std::uint64_t bytes, Instant now) {
  delivered_ += bytes;
  delivered_at_ = now;
  if (!newest_ || sent_at > newest_sent_at_ ||
      (sent_at == newest_sent_at_ && snapshot.delivered > newest_->delivered)) {
    newest_ = snapshot;
    newest_sent_at_ = sent_at;
    first_sent_at_ = sent_at;
  }
}

std::optional<RateSample> RateSampler::take(std::optional<Duration> minimum_rtt) {
  if (!newest_) return std::nullopt;
  const DeliverySnapshot from = *newest_;
  newest_.reset();
  if (limited_until_ != 0 && delivered_ > limited_until_) limited_until_ = 0;
  const Duration sending = newest_sent_at_ - from.first_sent_at;
  const Duration acknowledging = delivered_at_ - from.delivered_at;
  const Duration interval = std::max(sending, acknowledging);
  if (interval <= Duration{0} || (minimum_rtt && interval < *minimum_rtt)) return std::nullopt;
  return RateSample{.bytes = delivered_ - from.delivered,
                    .interval = interval,
                    .prior_delivered = from.delivered,
                    .application_limited = from.application_limited};
}

}  // namespace quoin::netstack::tcp
