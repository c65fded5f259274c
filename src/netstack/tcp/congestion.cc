#include "netstack/tcp/congestion.h"

#include <algorithm>

#include "netstack/tcp/cubic.h"
#include "netstack/tcp/new_reno.h"

namespace quoin::netstack::tcp {

std::unique_ptr<Congestion> make_congestion(CongestionKind kind, std::uint64_t mss) {
  switch (kind) {
    case CongestionKind::cubic: return std::make_unique<Cubic>(mss);
    case CongestionKind::new_reno: return std::make_unique<NewReno>(mss);
  }
  return nullptr;
}

std::optional<std::uint64_t> window_pacing_rate(std::uint64_t cwnd, bool slow_start,
                                                std::optional<Duration> smoothed_rtt) {
  if (!smoothed_rtt) return std::nullopt;
  const double rtt = static_cast<double>(std::max<Duration>(*smoothed_rtt, microseconds(1)).count()) / 1e9;
  return static_cast<std::uint64_t>((slow_start ? 2.0 : 1.25) * static_cast<double>(cwnd) / rtt);
}

}  // namespace quoin::netstack::tcp
