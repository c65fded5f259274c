// Additive increase, multiplicative decrease (RFC 5681), with bytes counted (RFC 3465).
#pragma once

#include "netstack/tcp/congestion.h"

namespace quoin::netstack::tcp {

class NewReno final : public Congestion {
 public:
  explicit NewReno(std::uint64_t mss) : mss_(mss), cwnd_(initial_window_segments * mss) {}

  void on_ack(const AckSample& sample, Instant now) override;
  void on_loss(std::uint64_t outstanding, Instant now) override;
  void on_rto(std::uint64_t outstanding, Instant now) override;
  void on_spurious_loss() override;
  void on_idle(Instant now) override;

  std::uint64_t cwnd() const override { return cwnd_; }
  std::uint64_t slow_start_threshold() const override { return threshold_; }
  std::optional<std::uint64_t> pacing_rate() const override { return rate_; }

 private:
  void reduce(std::uint64_t outstanding);

  std::uint64_t mss_;
  std::uint64_t cwnd_;
  std::uint64_t threshold_ = slow_start_threshold_first;
  std::uint64_t counted_ = 0;  // bytes delivered towards the next segment of increase
  std::uint64_t prior_cwnd_ = 0;
  std::uint64_t prior_threshold_ = slow_start_threshold_first;
  std::optional<std::uint64_t> rate_;
};

}  // namespace quoin::netstack::tcp
