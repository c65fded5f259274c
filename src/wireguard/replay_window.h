// Which counters of a session were seen (WireGuard paper, section 5.4.6; RFC 6479 for the shape).
//
// A ring of bits, one per counter. The newest counter moves the window forward; words that it enters are cleared whole,
// so the window that is always there is one word shorter than the ring.
#pragma once

#include <array>
#include <cstdint>

namespace quoin::wireguard {

class ReplayWindow {
 public:
  static constexpr std::uint64_t ring_counters = 8192;
  static constexpr std::uint64_t window_counters = ring_counters - 64;  // 8128, as in other implementations

  // Neither seen nor older than the window. Says nothing about authenticity: ask before opening, to save the work.
  bool is_new(std::uint64_t counter) const;
  // Marks an authentic counter as seen. False if it was not new.
  [[nodiscard]] bool accept(std::uint64_t counter);

 private:
  static constexpr std::uint64_t words = ring_counters / 64;
  std::uint64_t end_ = 0;  // one beyond the newest counter seen
  std::array<std::uint64_t, words> seen_{};
};

}  // namespace quoin::wireguard
