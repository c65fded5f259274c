// Nodes that the gate is asked about, no faster than it wants to hear of them.
//
// A control server can show a thousand new nodes in each message. The gate ends a tunnel that sends it 5000 messages a
// second (gate/session.h), and nobody outside must bring that about; so there are so many questions at once, then one
// each interval, in the order the nodes came. Beyond what may wait, a node is not asked about until it is shown anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "base/time.h"
#include "netstack/rate_limit.h"
#include "pair/messages.h"

namespace quoin::tunnel {

class AdmissionQueue {
 public:
  static constexpr std::uint32_t burst = 1024;
  static constexpr Duration interval = milliseconds(1);
  static constexpr std::size_t waiting_max = 4096;

  explicit AdmissionQueue(Instant now) : pace_(burst, interval, now) {}

  void add(pair::Admit question) {
    if (waiting_.size() < waiting_max) waiting_.push_back(std::move(question));
  }

  // The next that may be asked now.
  std::optional<pair::Admit> take(Instant now) {
    wake_at_.reset();
    if (waiting_.empty()) return std::nullopt;
    if (!pace_.take(now)) {
      wake_at_ = now + interval;
      return std::nullopt;
    }
    pair::Admit question = std::move(waiting_.front());
    waiting_.pop_front();
    return question;
  }

  std::optional<Instant> poll_timeout() const { return wake_at_; }

 private:
  std::deque<pair::Admit> waiting_;
  netstack::RateLimit pace_;
  std::optional<Instant> wake_at_;
};

}  // namespace quoin::tunnel
