#include "netstack/tcp/cubic.h"

#include <algorithm>
#include <cmath>

namespace quoin::netstack::tcp {

Cubic::Cubic(std::uint64_t mss)
    : mss_(static_cast<double>(mss)), cwnd_(static_cast<double>(initial_window_segments * mss)) {}

void Cubic::on_ack(const AckSample& sample, Instant now) {
  if (!sample.window_limited) {
    if (!unused_since_) unused_since_ = now;
  } else {
    if (unused_since_ && epoch_) epoch_->since += now - *unused_since_;
    unused_since_.reset();
    if (in_slow_start()) {
      slow_start(sample);
    } else {
      avoid_congestion(sample, now);
    }
  }
  rate_ = window_pacing_rate(cwnd(), in_slow_start(), sample.smoothed_rtt);
}

void Cubic::slow_start(const AckSample& sample) {
  std::uint64_t growth = sample.delivered;
  if (exit_watched_) {
    if (exit_.on_ack(sample.rtt, sample.round_started)) {
      threshold_ = cwnd();
      exit_watched_ = false;
      return;
    }
    growth = exit_.growth(growth);
  }
  cwnd_ = std::min(cwnd_ + static_cast<double>(growth), std::max(cwnd_, static_cast<double>(threshold_)));
}

double Cubic::window_at(double seconds_since) const {
  const double distance = seconds_since - epoch_->k;
  return c * distance * distance * distance * mss_ + maximum_;
}

void Cubic::avoid_congestion(const AckSample& sample, Instant now) {
  if (!epoch_) {
    maximum_ = std::max(maximum_, cwnd_);
    epoch_ = Epoch{.since = now, .k = std::cbrt((maximum_ - cwnd_) / mss_ / c), .reno = cwnd_};
  }
  const double delivered = static_cast<double>(sample.delivered);
  const double t = static_cast<double>((now - epoch_->since).count()) / 1e9;
  const double rtt = static_cast<double>(sample.smoothed_rtt.value_or(Duration{0}).count()) / 1e9;

  // W_est <- W_est + alpha * segments_acked / cwnd, which matches NewReno's average; alpha is 1 once it has caught up.
  const double alpha = epoch_->reno >= before_reduction_ ? 1.0 : 3.0 * (1.0 - beta) / (1.0 + beta);
  epoch_->reno += alpha * mss_ * delivered / cwnd_;

  if (window_at(t) < epoch_->reno) {
    cwnd_ = std::max(cwnd_, epoch_->reno);
  } else {
    const double target = std::clamp(window_at(t + rtt), cwnd_, 1.5 * cwnd_);
    cwnd_ += std::min(1.0, delivered / cwnd_) * (target - cwnd_);
  }
}

void Cubic::reduce(std::uint64_t outstanding) {
  prior_ = {.cwnd = cwnd_, .maximum = maximum_, .threshold = threshold_, .epoch = epoch_};
  exit_watched_ = false;
  epoch_.reset();
  before_reduction_ = cwnd_;
  // Fast convergence: who loses before it was back gives room to newcomers.
  maximum_ = cwnd_ < maximum_ ? cwnd_ * (1.0 + beta) / 2.0 : cwnd_;
  const double used = std::min(static_cast<double>(outstanding), cwnd_);
  threshold_ = static_cast<std::uint64_t>(std::max(used * beta, 2.0 * mss_));
}

void Cubic::on_loss(std::uint64_t outstanding, Instant) {
  reduce(outstanding);
  cwnd_ = static_cast<double>(threshold_);
}

void Cubic::on_rto(std::uint64_t outstanding, Instant) {
  reduce(outstanding);
  cwnd_ = mss_;
}

void Cubic::on_spurious_loss() {
  cwnd_ = std::max(cwnd_, prior_.cwnd);
  maximum_ = prior_.maximum;
  threshold_ = prior_.threshold;
  epoch_ = prior_.epoch;
}

void Cubic::on_idle(Instant) {
  cwnd_ = std::min(cwnd_, static_cast<double>(initial_window_segments) * mss_);
  epoch_.reset();
}

}  // namespace quoin::netstack::tcp
