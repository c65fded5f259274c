// Every Timer of a loop, and the one timerfd that waits for the earliest of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/time.h"
#include "io/readiness.h"

namespace quoin::io {

class TimerQueue {
 public:
  using Key = std::pair<Instant, std::uint64_t>;  // when, and the order of being set among equals

  explicit TimerQueue(Loop& loop);

  Key add(Instant at, std::shared_ptr<Callback> expired);
  void remove(const Key& key);
  void end();  // nothing expires any more

 private:
  void arm();
  void wait();
  void expire();

  std::optional<Readiness> descriptor_;
  std::map<Key, std::shared_ptr<Callback>> entries_;
  std::uint64_t next_ = 1;
  Instant armed_ = Instant::max();  // what the descriptor is set to; max: not set
};

}  // namespace quoin::io
