// Every timer of a connection, and when each runs. Nothing else in the core waits.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/time.h"

namespace quoin::netstack::tcp {

enum class Timer : std::uint8_t {
  retransmit,   // while something is in flight: RTO after it was sent, or after the last acknowledgment that moved
  tail_probe,   // while something is in flight and nothing hints at a loss: 2 RTT after the last of either
  reorder,      // while a range may still turn out to be late rather than lost
  persist,      // while data waits for a window and nothing is in flight: the next zero-window probe
  delayed_ack,  // while data was received and not yet acknowledged
  pace,         // while data waits only for its moment
  keepalive,    // while established, if the configuration asks for it
  give_up,      // while the peer owes us an answer: it has this long without any progress, or in all before an abort
  time_wait,    // in TIME-WAIT: the end of it
  missing,      // while the peer has sent what has not arrived: it must have been sent again
};
inline constexpr std::size_t timer_count = 10;

class Timers {
 public:
  Timers() { at_.fill(Instant::max()); }

  void set(Timer timer, Instant at) { at_[index(timer)] = at; }
  void clear(Timer timer) { at_[index(timer)] = Instant::max(); }
  void clear_all() { at_.fill(Instant::max()); }
  bool armed(Timer timer) const { return at(timer) != Instant::max(); }
  Instant at(Timer timer) const { return at_[index(timer)]; }
  // True once, if the timer has expired; it is then cleared.
  bool take_expired(Timer timer, Instant now) {
    if (at(timer) > now) return false;
    clear(timer);
    return true;
  }
  std::optional<Instant> earliest() const {
    Instant first = Instant::max();
    for (const Instant at : at_) first = at < first ? at : first;
    if (first == Instant::max()) return std::nullopt;
    return first;
  }

 private:
  static constexpr std::size_t index(Timer timer) { return static_cast<std::size_t>(timer); }
  std::array<Instant, timer_count> at_;
};

}  // namespace quoin::netstack::tcp
