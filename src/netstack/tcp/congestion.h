// Congestion control behind one small interface. All of it counts bytes, never acknowledgments: one acknowledgment may
// stand for a whole burst.
//
// What is lost and when to retransmit is decided elsewhere (recovery.h); a controller only says how much may be in
// flight and how fast it may leave.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/time.h"
#include "netstack/tcp/rate_sample.h"

namespace quoin::netstack::tcp {

struct AckSample {
  std::uint64_t delivered = 0;    // bytes that this acknowledgment showed to have arrived
  std::optional<Duration> rtt{};  // of the newest of them, if it was sent only once
  std::optional<Duration> smoothed_rtt{};
  std::optional<Duration> minimum_rtt{};
  bool window_limited = false;  // the congestion window was in use, so it is known to be carried
  bool round_started = false;   // the first acknowledgment of something sent after the last round started
  std::optional<RateSample> rate{};
};

class Congestion {
 public:
  virtual ~Congestion() = default;

  // Not called while fast recovery has its own count of what may leave.
  virtual void on_ack(const AckSample& sample, Instant now) = 0;
  virtual void on_loss(std::uint64_t outstanding, Instant now) = 0;  // once per window; outstanding: sent, not acked
  virtual void on_rto(std::uint64_t outstanding, Instant now) = 0;
  virtual void on_spurious_loss() = 0;    // the last on_loss or on_rto was a mistake
  virtual void on_idle(Instant now) = 0;  // nothing was in flight for longer than a timeout

  virtual std::uint64_t cwnd() const = 0;                        // bytes
  virtual std::uint64_t slow_start_threshold() const = 0;        // bytes; what recovery reduces to
  virtual std::optional<std::uint64_t> pacing_rate() const = 0;  // bytes per second; none: as acknowledgments come
};

enum class CongestionKind : std::uint8_t { cubic, new_reno };

// The window starts at ten segments (RFC 6928).
inline constexpr std::uint64_t initial_window_segments = 10;
inline constexpr std::uint64_t slow_start_threshold_first = std::uint64_t{1} << 30;

// The rate at which a window-based controller is paced: a window per round trip, and enough more that pacing never is
// what limits it: twice that while the window doubles, else a quarter more. None before the first round trip is known.
std::optional<std::uint64_t> window_pacing_rate(std::uint64_t cwnd, bool slow_start,
                                                std::optional<Duration> smoothed_rtt);

std::unique_ptr<Congestion> make_congestion(CongestionKind kind, std::uint64_t mss);

}  // namespace quoin::netstack::tcp
