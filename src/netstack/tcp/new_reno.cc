#include "netstack/tcp/new_reno.h"

#include <algorithm>

namespace quoin::netstack::tcp {

void NewReno::on_ack(const AckSample& sample, Instant) {
  if (sample.window_limited && cwnd_ < threshold_) {
    cwnd_ = std::min(cwnd_ + sample.delivered, threshold_);
  } else if (sample.window_limited) {
    counted_ += sample.delivered;
    if (counted_ >= cwnd_) {
      counted_ -= cwnd_;
      cwnd_ += mss_;
    }
  }
  rate_ = window_pacing_rate(cwnd_, cwnd_ < threshold_, sample.smoothed_rtt);
}

void NewReno::reduce(std::uint64_t outstanding) {
  prior_cwnd_ = cwnd_;
  prior_threshold_ = threshold_;
  threshold_ = std::max(std::min(outstanding, cwnd_) / 2, 2 * mss_);
  counted_ = 0;
}

void NewReno::on_loss(std::uint64_t outstanding, Instant) {
  reduce(outstanding);
  cwnd_ = threshold_;
}

void NewReno::on_rto(std::uint64_t outstanding, Instant) {
  reduce(outstanding);
  cwnd_ = mss_;
}

void NewReno::on_spurious_loss() {
  cwnd_ = std::max(cwnd_, prior_cwnd_);
  threshold_ = std::max(threshold_, prior_threshold_);
}

void NewReno::on_idle(Instant) {
  cwnd_ = std::min(cwnd_, initial_window_segments * mss_);
}

}  // namespace quoin::netstack::tcp
