#include "wireguard/timers.h"

#include <algorithm>

namespace quoin::wireguard {

Duration Timers::jitter() {
  return milliseconds(random_.below(static_cast<std::uint64_t>(rekey_timeout_jitter_max / milliseconds(1)) + 1));
}

void Timers::data_sent(Instant now) {
  auto& deadline = at(Timer::new_handshake);
  if (!deadline) deadline = now + no_reply_time + jitter();
}

void Timers::data_received(Instant now) {
  auto& deadline = at(Timer::send_keepalive);
  if (deadline) {
    another_keepalive_ = true;
  } else {
    deadline = now + keepalive_timeout;
  }
}

void Timers::any_authenticated_packet_sent() {
  at(Timer::send_keepalive).reset();
  another_keepalive_ = false;
}

void Timers::keepalive_sent(Instant now) {
  const bool another = another_keepalive_;
  any_authenticated_packet_sent();
  if (another) at(Timer::send_keepalive) = now + keepalive_timeout;
}

void Timers::any_authenticated_packet_received() {
  at(Timer::new_handshake).reset();
}

void Timers::handshake_wanted(Instant now) {
  attempt_started_ = now;
}

void Timers::handshake_initiated(Instant now) {
  at(Timer::retransmit_handshake) = now + rekey_timeout + jitter();
}

void Timers::handshake_postponed(Instant until) {
  auto& deadline = at(Timer::retransmit_handshake);
  if (!deadline) deadline = until + jitter();
}

void Timers::handshake_complete() {
  at(Timer::retransmit_handshake).reset();
}

void Timers::session_derived(Instant now) {
  at(Timer::erase_keys) = now + erase_keys_time;
}

std::optional<Instant> Timers::next() const {
  std::optional<Instant> earliest;
  for (const auto& deadline : deadlines_) {
    if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
  }
  return earliest;
}

std::optional<TimerAction> Timers::take_due(Instant now) {
  for (std::size_t i = 0; i < timers; i++) {
    auto& deadline = deadlines_[i];
    if (!deadline || *deadline > now) continue;
    deadline.reset();
    return fired(static_cast<Timer>(i), now);
  }
  return std::nullopt;
}

TimerAction Timers::fired(Timer timer, Instant now) {
  switch (timer) {
    case Timer::retransmit_handshake:
      if (now - attempt_started_ < rekey_attempt_time) return TimerAction::send_initiation;
      at(Timer::send_keepalive).reset();
      return TimerAction::give_up;
    case Timer::send_keepalive: return TimerAction::send_keepalive;
    case Timer::new_handshake: return TimerAction::start_handshake;
    case Timer::erase_keys: return TimerAction::erase_keys;
  }
  return TimerAction::erase_keys;
}

}  // namespace quoin::wireguard
