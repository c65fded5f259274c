#include "io/timer.h"

namespace quoin::io {

Timer::Timer(Loop& loop, Callback expired)
    : queue_(loop.timers()), expired_(std::make_shared<Callback>([this, call = std::move(expired)]() mutable {
        at_.reset();
        call();
      })) {}

void Timer::set(std::optional<Instant> at) {
  if (at == at_) return;
  if (at_) queue_.remove(key_);
  at_ = at;
  if (at_) key_ = queue_.add(*at_, expired_);
}

}  // namespace quoin::io
