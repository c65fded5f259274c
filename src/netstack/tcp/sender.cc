#include "netstack/tcp/sender.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace quoin::netstack::tcp {

Sender::Sender(std::uint32_t initial_sequence, std::size_t mss, std::size_t limit, CongestionKind kind)
    : mss_(mss),
      limit_(limit),
      una_(first_position(initial_sequence)),
      next_(una_ + 1),
      window_from_(una_),
      board_(mss),
      recovery_(mss),
      pacer_(mss),
      congestion_(make_congestion(kind, mss)) {
  queue_.start(next_);
  queue_.set_limit(std::min(limit, SendQueue::limit_bytes_first));
}

void Sender::start(const Negotiated& negotiated, Instant now) {
  started_ = true;
  una_ = next_;
  sack_ = negotiated.sack;
  if (negotiated.rtt) rtt_.sample(*negotiated.rtt, now);
  set_mss(negotiated.mss);
}

// What is in flight was cut for the old size. It comes again in packets of the new one, and that it did not arrive says
// nothing about congestion (RFC 8201, section 5.4).
void Sender::set_mss(std::size_t mss) {
  if (mss < mss_) board_.mark_all_lost();
  mss_ = mss;
  board_.set_mss(mss);
  recovery_.start(mss, sack_);
}

void Sender::set_limit(std::size_t limit) {
  limit_ = limit;
  const std::size_t wanted = static_cast<std::size_t>(2 * congestion_->cwnd());
  queue_.set_limit(std::min(limit_, std::max(SendQueue::limit_bytes_first, wanted)));
}

void Sender::update_window(std::uint64_t window, Position sequence, Position acknowledgment) {
  if (sequence < window_sequence_ || (sequence == window_sequence_ && acknowledgment < window_from_)) return;
  window_ = window;
  window_sequence_ = sequence;
  window_from_ = acknowledgment;
  window_max_ = std::max(window_max_, window);
}

void Sender::handle_ack(const Acknowledgment& ack, Timers& timers, Instant now) {
  assert(ack.upto <= sent_end());
  const Position una_before = una_;
  const std::uint64_t in_flight_before = board_.in_flight();
  next_ = std::max(next_, ack.upto);  // the octet of a zero-window probe was taken
  una_ = std::max(una_, ack.upto);
  const bool una_moved = una_ != una_before;
  if (probe_end_ <= una_) probe_end_ = 0;

  delivered_.clear();
  board_.acknowledge(una_, delivered_);
  queue_.acknowledge(una_);
  const bool duplicate_reported = sack_ && take_sacks(ack);
  std::uint64_t delivered_bytes = 0;
  for (const Flight& flight : delivered_) {
    delivered_bytes += flight.bytes();
    rate_.delivered(flight.snapshot, flight.sent_at, flight.bytes(), now);
  }
  const std::optional<Duration> rtt = sample_round_trip(ack, una_moved, duplicate_reported, now);

  const RecoveryPhase phase_before = recovery_.phase();
  recovery_.on_ack({.una_before = una_before,
                    .una = una_,
                    .next = next_,
                    .delivered = delivered_,
                    .delivered_bytes = delivered_bytes,
                    .duplicate = ack.bare && !una_moved && !ack.window_changed && !board_.empty(),
                    .duplicate_sack = duplicate_reported,
                    .timestamp_echo = ack.timestamp_echo},
                   board_, rtt_, *congestion_, timers, now);
  if (delivered_bytes > 0) {
    const AckSample sample = make_sample(delivered_bytes, rtt, in_flight_before, una_before);
    if (phase_before != RecoveryPhase::recovery && recovery_.phase() != RecoveryPhase::recovery) {
      congestion_->on_ack(sample, now);
    }
    set_limit(limit_);
  }
  arm_after_ack(una_moved, timers, now);
}

bool Sender::take_sacks(const Acknowledgment& ack) {
  struct Block {
    Position left = 0;
    Position right = 0;
  };
  std::array<Block, SackBlocks::blocks_max> blocks;
  std::size_t count = 0;
  bool duplicate = false;
  for (std::size_t i = 0; i < ack.sack.size(); i++) {
    const Block block{.left = unwrap(una_, ack.sack[i].left), .right = unwrap(una_, ack.sack[i].right)};
    if (block.left >= block.right || block.right > next_) continue;
    if (i == 0 && ack.sack.size() > 1) {  // RFC 2883: the first block may lie within the second
      const Block second{.left = unwrap(una_, ack.sack[1].left), .right = unwrap(una_, ack.sack[1].right)};
      duplicate = block.left >= second.left && block.right <= second.right;
    }
    if (block.right <= una_) {
      duplicate = duplicate || i == 0;
    } else if (block.left >= una_) {
      blocks[count++] = block;
    }
  }
  // In order, so that late news of a lower block does not look like reordering.
  std::ranges::sort(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(count), {}, &Block::left);
  for (std::size_t i = 0; i < count; i++) board_.sack(blocks[i].left, blocks[i].right, delivered_);
  return duplicate;
}

// Of the newest transmission that was delivered. When a retransmission is among them it is not known which one was
// answered, nor how long ago the others had arrived (Karn): then only the timestamp can tell.
std::optional<Duration> Sender::sample_round_trip(const Acknowledgment& ack, bool una_moved, bool duplicate_reported,
                                                  Instant now) {
  const Flight* newest = nullptr;
  bool ambiguous = false;
  for (const Flight& flight : delivered_) {
    ambiguous = ambiguous || flight.retransmitted;
    if (newest == nullptr || flight.sent_at >= newest->sent_at) newest = &flight;
  }
  std::optional<Duration> sample;
  if (newest != nullptr && !ambiguous) {
    sample = now - newest->sent_at;
  } else if (una_moved && !duplicate_reported) {
    sample = ack.timestamp_rtt;
    // Without SACK nobody reports the duplicate below: an echo from before the last transmission is not believed.
    if (!sack_ && sample && newest != nullptr && *sample > now - newest->sent_at + milliseconds(1)) sample.reset();
  }
  if (sample) {
    rtt_.sample(*sample, now);
  } else if (duplicate_reported) {
    // What we repeated had arrived and only its acknowledgment was lost, so the timestamp is as old as our own wait for
    // the timeout. The path is not slow, it loses.
    rtt_.stop_backing_off();
  } else if (una_moved) {
    rtt_.progress_without_sample();
  }
  return sample;
}

AckSample Sender::make_sample(std::uint64_t delivered_bytes, std::optional<Duration> rtt,
                              std::uint64_t in_flight_before, Position una_before) {
  AckSample sample{
      .delivered = delivered_bytes, .rtt = rtt, .smoothed_rtt = rtt_.smoothed(), .minimum_rtt = rtt_.minimum()};
  for (const Flight& flight : delivered_) {
    if (flight.snapshot.delivered >= round_end_) sample.round_started = true;
  }
  if (sample.round_started) round_end_ = rate_.delivered();
  const bool slow_start = congestion_->cwnd() < congestion_->slow_start_threshold();
  sample.window_limited =
      window_limited_end_ > una_before || (slow_start && 2 * in_flight_before >= congestion_->cwnd());
  sample.rate = rate_.take(rtt_.minimum());
  if (sample.rate) latest_rate_ = sample.rate;
  return sample;
}

void Sender::arm_after_ack(bool una_moved, Timers& timers, Instant now) {
  // Any answer while the window is closed is progress: the peer lives, and may stay out of paper for an hour.
  const bool answered_probe = window_ == 0 || persist_backoff_ > 0;
  if (window_edge() > next_) {
    persist_backoff_ = 0;
    timers.clear(Timer::persist);
  }
  if (board_.empty()) {
    timers.clear(Timer::retransmit);
    timers.clear(Timer::tail_probe);
    timers.clear(Timer::reorder);
    tail_probe_due_ = false;
  } else if (una_moved) {
    timers.set(Timer::retransmit, now + rtt_.timeout());
  }
  if (!delivered_.empty()) arm_tail_probe(timers, now);
  if (una_moved || answered_probe) note_progress(timers, now);
}

void Sender::note_progress(Timers& timers, Instant now) {
  attempts_ = 0;
  if (board_.empty() && !timers.armed(Timer::persist)) {
    timers.clear(Timer::give_up);
  } else {
    timers.set(Timer::give_up, now + progress_timeout);
  }
}

void Sender::on_retransmit_timer(Timers& timers, Instant now) {
  if (board_.empty()) return;
  attempts_++;
  recovery_.on_retransmit_timer(next_, board_, *congestion_, timers, now);
  rtt_.back_off();
  timers.set(Timer::retransmit, now + rtt_.timeout());
  timers.clear(Timer::tail_probe);
  timers.clear(Timer::pace);
  tail_probe_due_ = false;
  pacer_.idle();
}

void Sender::on_persist_timer(Timers& timers, Instant now) {
  if (!board_.empty() || next_ == end_to_send()) return;
  attempts_++;
  persist_backoff_++;
  persist_probe_due_ = true;
  arm_persist(timers, now);
}

void Sender::on_reorder_timer(Timers& timers, Instant now) {
  recovery_.on_reorder_timer(next_, board_, rtt_, *congestion_, timers, now);
}

void Sender::stop(Timers& timers) {
  started_ = false;
  board_.clear();
  queue_.clear();
  for (const Timer timer :
       {Timer::retransmit, Timer::tail_probe, Timer::reorder, Timer::persist, Timer::pace, Timer::give_up}) {
    timers.clear(timer);
  }
}

std::size_t Sender::memory_used() const {
  return queue_.memory_used() + board_.memory_used() + delivered_.capacity() * sizeof(Flight);
}

}  // namespace quoin::netstack::tcp
