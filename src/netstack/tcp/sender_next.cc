// What leaves next: a probe that is due, then what was lost, then what was never sent.

#include <algorithm>

#include "netstack/tcp/sender.h"

namespace quoin::netstack::tcp {

std::optional<Sender::Transmission> Sender::next(std::uint32_t timestamp, Timers& timers, Instant now) {
  if (!started_) return std::nullopt;
  if (tail_probe_due_) {
    tail_probe_due_ = false;
    if (auto probe = next_tail_probe(timestamp, timers, now)) return probe;
  }
  if (persist_probe_due_) {
    persist_probe_due_ = false;
    if (auto probe = next_persist_probe(timers, now)) return probe;
  }
  return board_.lost() > 0 ? next_lost(timestamp, timers, now) : next_new(timers, now);
}

std::uint64_t Sender::permitted(std::uint64_t wanted, Timers& timers, Instant now) {
  std::uint64_t allowed = recovery_.allowance(board_, *congestion_);
  if (board_.in_flight() == 0) allowed = std::max<std::uint64_t>(allowed, mss_);  // something always moves
  if (allowed < wanted) window_limited_end_ = next_;
  const std::uint64_t paced = pacer_.allowance(congestion_->pacing_rate(), now);
  if (paced == 0 && allowed >= std::min<std::uint64_t>(wanted, mss_)) {
    timers.set(Timer::pace, pacer_.next_at());
    return 0;
  }
  allowed = std::min(allowed, paced);
  return allowed >= wanted ? wanted : allowed / mss_ * mss_;
}

std::optional<Sender::Transmission> Sender::next_lost(std::uint32_t timestamp, Timers& timers, Instant now) {
  const std::size_t index = board_.first_lost();
  const std::uint64_t bytes = permitted(board_[index].bytes(), timers, now);
  if (bytes == 0) return std::nullopt;
  return send_again(index, bytes, timestamp, timers, now);
}

std::optional<Sender::Transmission> Sender::next_new(Timers& timers, Instant now) {
  const std::uint64_t available = end_to_send() - next_;
  if (available == 0) {
    if (recovery_.allowance(board_, *congestion_) >= mss_) rate_.application_limited(board_.in_flight());
    return std::nullopt;
  }
  if (board_.full()) return std::nullopt;
  const std::uint64_t usable = window_edge() > next_ ? window_edge() - next_ : 0;
  std::uint64_t bytes = std::min<std::uint64_t>({available, usable, payload_bytes_max});
  // RFC 9293, section 3.8.6.2.1: no silly windows. The persist timer overrides it.
  if (bytes < available && bytes < mss_ && (bytes == 0 || 2 * bytes < window_max_)) {
    if (board_.empty() && !timers.armed(Timer::persist)) arm_persist(timers, now);
    return std::nullopt;
  }
  if (bytes < available && bytes > mss_) bytes -= bytes % mss_;
  restart_after_idle(now);
  bytes = permitted(bytes, timers, now);
  if (bytes == 0) return std::nullopt;
  return send_new(bytes, timers, now);
}

// RFC 5681, section 4.1: what was learned about the path is stale after a timeout's worth of silence.
void Sender::restart_after_idle(Instant now) {
  if (!board_.empty() || last_sent_at_ == Instant{} || now - last_sent_at_ < rtt_.timeout()) return;
  congestion_->on_idle(now);
  pacer_.idle();
}

// RFC 8985, section 7.3: new data if there is any, else the last segment again. The congestion window does not hold it.
std::optional<Sender::Transmission> Sender::next_tail_probe(std::uint32_t timestamp, Timers& timers, Instant now) {
  if (board_.empty() || board_.lost() > 0) return std::nullopt;
  const std::uint64_t usable = window_edge() > next_ ? window_edge() - next_ : 0;
  const std::uint64_t fresh = std::min<std::uint64_t>({end_to_send() - next_, usable, mss_});
  timers.set(Timer::retransmit, now + rtt_.timeout());
  if (fresh > 0) {
    const Transmission probe = send_new(fresh, timers, now);
    recovery_.probe_sent(next_, false);
    timers.clear(Timer::tail_probe);
    return probe;
  }
  std::size_t last = board_.size() - 1;
  if (board_[last].sacked) return std::nullopt;
  if (board_[last].bytes() > mss_) last = board_.split(last, board_[last].end - mss_);
  recovery_.probe_sent(next_, true);
  return send_again(last, board_[last].bytes(), timestamp, timers, now);
}

// The octet is not in flight: it is offered again until the window opens or it is taken.
std::optional<Sender::Transmission> Sender::next_persist_probe(Timers& timers, Instant now) {
  if (!board_.empty() || next_ == end_to_send()) return std::nullopt;
  if (window_edge() > next_) {
    return send_new(std::min<std::uint64_t>({end_to_send() - next_, window_edge() - next_, mss_}), timers, now);
  }
  probe_end_ = next_ + 1;
  return describe(next_, probe_end_);
}

Sender::Transmission Sender::send_new(std::uint64_t bytes, Timers& timers, Instant now) {
  const Position start = next_;
  board_.sent(start, start + bytes, now, rate_.sent(now, board_.empty()));
  next_ += bytes;
  recovery_.sent(bytes);
  pacer_.sent(bytes, congestion_->pacing_rate(), now);
  arm_after_sending(timers, now);
  arm_tail_probe(timers, now);
  return describe(start, next_);
}

Sender::Transmission Sender::send_again(std::size_t index, std::uint64_t bytes, std::uint32_t timestamp, Timers& timers,
                                        Instant now) {
  const Position start = board_[index].start;
  board_.resent(index, bytes, now, rate_.sent(now, board_.in_flight() == 0));
  recovery_.retransmitted(timestamp);
  recovery_.sent(bytes);
  pacer_.sent(bytes, congestion_->pacing_rate(), now);
  bytes_retransmitted_ += bytes;
  segments_retransmitted_ += (bytes + mss_ - 1) / mss_;
  arm_after_sending(timers, now);
  return describe(start, start + bytes);
}

Sender::Transmission Sender::describe(Position start, Position end) const {
  const Position bytes_end = std::min(end, queue_.end());
  return {.start = start,
          .length = static_cast<std::size_t>(bytes_end > start ? bytes_end - start : 0),
          .fin = end > queue_.end(),
          .last = end >= queue_.end()};
}

void Sender::arm_after_sending(Timers& timers, Instant now) {
  last_sent_at_ = now;
  timers.clear(Timer::persist);
  if (!timers.armed(Timer::retransmit)) timers.set(Timer::retransmit, now + rtt_.timeout());
  if (!timers.armed(Timer::give_up)) timers.set(Timer::give_up, now + progress_timeout);
}

void Sender::arm_tail_probe(Timers& timers, Instant now) {
  timers.clear(Timer::tail_probe);
  const auto delay = recovery_.probe_delay(board_, rtt_);
  if (delay && now + *delay < timers.at(Timer::retransmit)) timers.set(Timer::tail_probe, now + *delay);
}

void Sender::arm_persist(Timers& timers, Instant now) {
  const std::int64_t multiple = std::int64_t{1} << std::min(persist_backoff_, 9);
  timers.set(Timer::persist, now + std::min<Duration>(rtt_.timeout() * multiple, RoundTrip::timeout_max));
  if (!timers.armed(Timer::give_up)) timers.set(Timer::give_up, now + progress_timeout);
}

}  // namespace quoin::netstack::tcp
