// CUBIC (RFC 9438): after a loss the window returns to where it was along a cubic curve in time, flat near the old
// maximum, so that growth does not depend on the length of the path.
//
//     W_cubic(t) = C * (t - K)^3 + W_max,   K = cbrt((W_max - cwnd_epoch) / C)      in segments and seconds
#pragma once

#include <optional>

#include "netstack/tcp/congestion.h"
#include "netstack/tcp/slow_start_exit.h"

namespace quoin::netstack::tcp {

class Cubic final : public Congestion {
 public:
  static constexpr double c = 0.4;
  static constexpr double beta = 0.7;

  explicit Cubic(std::uint64_t mss);

  void on_ack(const AckSample& sample, Instant now) override;
  void on_loss(std::uint64_t outstanding, Instant now) override;
  void on_rto(std::uint64_t outstanding, Instant now) override;
  void on_spurious_loss() override;
  void on_idle(Instant now) override;

  std::uint64_t cwnd() const override { return static_cast<std::uint64_t>(cwnd_); }
  std::uint64_t slow_start_threshold() const override { return threshold_; }
  std::optional<std::uint64_t> pacing_rate() const override { return rate_; }

 private:
  struct Epoch {  // of congestion avoidance
    Instant since;
    double k = 0;     // seconds
    double reno = 0;  // W_est, bytes: what NewReno would have
  };
  struct Prior {  // before the last reduction
    double cwnd = 0;
    double maximum = 0;
    std::uint64_t threshold = slow_start_threshold_first;
    std::optional<Epoch> epoch;
  };
  bool in_slow_start() const { return cwnd() < threshold_; }
  void slow_start(const AckSample& sample);
  void avoid_congestion(const AckSample& sample, Instant now);
  double window_at(double seconds_since) const;
  void reduce(std::uint64_t outstanding);

  double mss_;
  double cwnd_;                  // bytes, with the fraction that small acknowledgments add
  double maximum_ = 0;           // W_max, bytes
  double before_reduction_ = 0;  // cwnd_prior, bytes
  std::uint64_t threshold_ = slow_start_threshold_first;
  std::optional<Epoch> epoch_;
  std::optional<Instant> unused_since_;  // the window is not in use: time stands still for the curve
  SlowStartExit exit_;
  bool exit_watched_ = true;  // only the first slow start is (RFC 9406, section 4.3)
  Prior prior_;
  std::optional<std::uint64_t> rate_;
};

}  // namespace quoin::netstack::tcp
