#include <algorithm>
#include <cassert>
#include <vector>

#include <sys/timerfd.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/timer_queue.h"

namespace quoin::io {

namespace {

Descriptor make_timer_descriptor() {
  Descriptor made(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  assert(made);
  return made;
}

}  // namespace

TimerQueue::TimerQueue(Loop& loop) : descriptor_(std::in_place, loop, make_timer_descriptor()) {
  wait();
}

TimerQueue::Key TimerQueue::add(Instant at, std::shared_ptr<Callback> expired) {
  const Key key{at, next_++};
  entries_.emplace(key, std::move(expired));
  arm();
  return key;
}

void TimerQueue::remove(const Key& key) {
  entries_.erase(key);
  arm();
}

void TimerQueue::end() {
  descriptor_.reset();
}

void TimerQueue::arm() {
  if (!descriptor_) return;
  const Instant earliest = entries_.empty() ? Instant::max() : entries_.begin()->first.first;
  if (earliest == armed_) return;
  armed_ = earliest;
  itimerspec when{};  // zero disarms, so the past becomes one nanosecond after the clock's zero
  if (earliest != Instant::max()) {
    const Duration at = std::max(earliest.since_zero, Duration(1));
    when.it_value.tv_sec = at / seconds(1);
    when.it_value.tv_nsec = (at % seconds(1)).count();
  }
  const int set = timerfd_settime(descriptor_->number(), TFD_TIMER_ABSTIME, &when, nullptr);
  assert(set == 0);
  (void)set;
}

void TimerQueue::wait() {
  descriptor_->wait_readable([this] {
    std::uint64_t expirations;
    if (read(descriptor_->number(), &expirations, sizeof expirations) > 0) armed_ = Instant::max();
    wait();
    expire();
  });
}

// Runs what is due now and nothing that is set meanwhile: a timer that its own callback sets to the past waits for the
// next round, so that the loop gets to everything else.
void TimerQueue::expire() {
  const Instant time = now();
  std::vector<Key> due;
  for (const auto& [key, expired] : entries_) {
    if (key.first > time) break;
    due.push_back(key);
  }
  for (const Key& key : due) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) continue;  // an earlier one cleared it
    const std::shared_ptr<Callback> expired = std::move(found->second);
    entries_.erase(found);
    (*expired)();
  }
  arm();
}

}  // namespace quoin::io
