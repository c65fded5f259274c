#include "netstack/tcp/recovery.h"

#include <algorithm>

namespace quoin::netstack::tcp {

namespace {

constexpr int recoveries_with_raised_multiple = 16;               // RFC 8985, section 6.2, step 4
constexpr int reordering_multiple_max = 4;                        // then the window is a whole round trip
constexpr Duration acknowledgment_delay_max = milliseconds(200);  // WCDelAckT of RFC 8985
constexpr Duration probe_delay_min = milliseconds(10);

}  // namespace

void Recovery::on_ack(const Ack& ack, Scoreboard& board, const RoundTrip& rtt, Congestion& congestion, Timers& timers,
                      Instant now) {
  note_delivered(ack, rtt, now);
  note_duplicate(ack);
  take_back_if_spurious(ack, board, congestion);
  leave_if_recovered(ack);
  settle_probe(ack, board, congestion, now);
  const bool new_losses = sack_ ? detect_losses(board, rtt, timers, now) : detect_losses_without_sack(ack, board);
  if (new_losses && phase_ == RecoveryPhase::open) enter_recovery(ack.next, board, congestion, now);
  if (phase_ == RecoveryPhase::recovery) reduce(ack, new_losses, board, congestion);
}

// RFC 8985, section 6.2, steps 1 to 3.
void Recovery::note_delivered(const Ack& ack, const RoundTrip& rtt, Instant now) {
  for (const Flight& flight : ack.delivered) {
    if (flight.end > highest_delivered_) {
      highest_delivered_ = flight.end;
    } else if (flight.end < highest_delivered_ && !flight.retransmitted) {
      reordering_seen_ = true;
    }
    const Duration took = now - flight.sent_at;
    // What comes back sooner than the path allows is the answer to an earlier transmission.
    if (flight.retransmitted && rtt.minimum() && took < *rtt.minimum()) continue;
    if (newest_sent_at_ && sent_before_newest(flight)) continue;
    newest_sent_at_ = flight.sent_at;
    newest_end_ = flight.end;
    newest_rtt_ = took;
  }
}

bool Recovery::sent_before_newest(const Flight& flight) const {
  return flight.sent_at < *newest_sent_at_ || (flight.sent_at == *newest_sent_at_ && flight.end < newest_end_);
}

// Something was sent again without need: wait longer before calling a range lost.
void Recovery::note_duplicate(const Ack& ack) {
  if (!ack.duplicate_sack || probe_end_ || ack.una < multiple_raised_until_) return;
  reordering_multiple_ = std::min(reordering_multiple_ + 1, reordering_multiple_max);
  multiple_raised_until_ = ack.next;
  multiple_recoveries_left_ = recoveries_with_raised_multiple;
}

// The first acknowledgment that moves on after a retransmission tells which transmission it answers: if it echoes a
// timestamp from before, the first one had arrived.
void Recovery::take_back_if_spurious(const Ack& ack, Scoreboard& board, Congestion& congestion) {
  if (!first_retransmission_ || ack.una == ack.una_before) return;
  const bool spurious = ack.timestamp_echo && timestamp_before(*ack.timestamp_echo, *first_retransmission_);
  first_retransmission_.reset();
  may_take_back_ = false;
  if (!spurious || phase_ == RecoveryPhase::open) return;
  congestion.on_spurious_loss();
  board.mark_none_lost();
  reordering_seen_ = reordering_seen_ || phase_ == RecoveryPhase::recovery;
  phase_ = RecoveryPhase::open;
}

void Recovery::leave_if_recovered(const Ack& ack) {
  if (phase_ == RecoveryPhase::open || ack.una < recovery_end_) return;
  phase_ = RecoveryPhase::open;
  first_retransmission_.reset();
  may_take_back_ = false;
  duplicates_ = 0;
  if (multiple_recoveries_left_ > 0 && --multiple_recoveries_left_ == 0) reordering_multiple_ = 1;
}

// RFC 8985, section 7.4.2: a probe that repeated the last segment and was not reported as a duplicate has repaired a
// loss, which the controller has to hear of.
void Recovery::settle_probe(const Ack& ack, const Scoreboard& board, Congestion& congestion, Instant now) {
  if (!probe_end_ || ack.una < *probe_end_) return;
  const bool repaired = probe_was_retransmission_ && !ack.duplicate_sack && ack.una > *probe_end_;
  probe_end_.reset();
  if (repaired && phase_ == RecoveryPhase::open) {
    congestion.on_loss(board.outstanding() + ack.delivered_bytes, now);
  }
}

// RFC 8985, section 6.2, step 4.
Duration Recovery::reordering_window(const Scoreboard& board, const RoundTrip& rtt) const {
  if (!reordering_seen_ && (phase_ != RecoveryPhase::open || board.sacked() >= duplicate_threshold * mss_)) {
    return Duration{0};
  }
  const Duration window = reordering_multiple_ * rtt.minimum().value_or(Duration{0}) / 4;
  return std::min(window, rtt.smoothed().value_or(window));
}

// RFC 8985, section 6.2, step 5.
bool Recovery::detect_losses(Scoreboard& board, const RoundTrip& rtt, Timers& timers, Instant now) {
  timers.clear(Timer::reorder);
  if (!newest_sent_at_) return false;
  const Duration patience = newest_rtt_ + reordering_window(board, rtt);
  bool found = false;
  Duration longest{0};
  for (std::size_t i = 0; i < board.size(); i++) {
    const Flight& flight = board[i];
    if (!sent_before_newest(flight)) {
      // Ranges that were sent once were sent in order, and what was sent again was sent later.
      if (!flight.retransmitted) break;
      continue;
    }
    if (flight.sacked || flight.lost) continue;
    const Duration left = flight.sent_at + patience - now;
    if (left <= Duration{0}) {
      board.mark_lost(i);
      found = true;
    } else {
      longest = std::max(longest, left);
    }
  }
  if (longest > Duration{0}) timers.set(Timer::reorder, now + longest);
  return found;
}

// RFC 5681, section 3.2, and RFC 6582: three duplicates, then one more loss with each partial acknowledgment.
bool Recovery::detect_losses_without_sack(const Ack& ack, Scoreboard& board) {
  if (ack.una != ack.una_before) {
    const std::uint64_t segments = (ack.una - ack.una_before + mss_ - 1) / mss_;
    duplicates_ = phase_ == RecoveryPhase::recovery ? duplicates_ - std::min(duplicates_, segments - 1) : 0;
    if (phase_ != RecoveryPhase::recovery) return false;
    board.mark_lost_first(mss_);
    return true;
  }
  if (!ack.duplicate) return false;
  duplicates_++;
  if (duplicates_ != duplicate_threshold || phase_ != RecoveryPhase::open) return false;
  board.mark_lost_first(mss_);
  return true;
}

void Recovery::enter_recovery(Position next, const Scoreboard& board, Congestion& congestion, Instant now) {
  phase_ = RecoveryPhase::recovery;
  recovery_end_ = next;
  first_retransmission_.reset();
  may_take_back_ = true;
  reduction_outstanding_ = std::max<std::uint64_t>(board.outstanding(), 1);
  reduction_delivered_ = 0;
  reduction_sent_ = 0;
  congestion.on_loss(board.outstanding(), now);
}

// RFC 6937, section 3.
void Recovery::reduce(const Ack& ack, bool new_losses, const Scoreboard& board, const Congestion& congestion) {
  const std::uint64_t delivered = ack.delivered_bytes + (!sack_ && ack.duplicate ? mss_ : 0);
  reduction_delivered_ += delivered;
  const std::uint64_t pipe = in_flight(board);
  const std::uint64_t threshold = congestion.slow_start_threshold();
  const auto beyond_sent = [&](std::uint64_t bytes) { return bytes > reduction_sent_ ? bytes - reduction_sent_ : 0; };
  if (pipe > threshold) {
    // sndcnt = CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out
    reduction_allowance_ =
        beyond_sent((reduction_delivered_ * threshold + reduction_outstanding_ - 1) / reduction_outstanding_);
  } else {
    // As much as was delivered; in good order also what lets the window grow back to the threshold.
    std::uint64_t limit = beyond_sent(reduction_delivered_);
    if (ack.una != ack.una_before && !new_losses) limit = std::max(limit, delivered) + mss_;
    reduction_allowance_ = std::min(threshold - pipe, limit);
  }
  if (reduction_sent_ == 0) reduction_allowance_ = std::max(reduction_allowance_, mss_);  // the fast retransmit
}

void Recovery::on_reorder_timer(Position next, Scoreboard& board, const RoundTrip& rtt, Congestion& congestion,
                                Timers& timers, Instant now) {
  if (!detect_losses(board, rtt, timers, now)) return;
  if (phase_ == RecoveryPhase::open) enter_recovery(next, board, congestion, now);
  if (phase_ == RecoveryPhase::recovery) reduce({}, true, board, congestion);
}

void Recovery::on_retransmit_timer(Position next, Scoreboard& board, Congestion& congestion, Timers& timers,
                                   Instant now) {
  if (board.empty()) return;
  if (board[0].sacked) board.forget_sacks();  // else it would have been acknowledged
  const std::uint64_t outstanding = board.outstanding();
  board.mark_all_lost();
  const Position una = board[0].start;
  if (phase_ != RecoveryPhase::timeout) {
    first_retransmission_.reset();
    may_take_back_ = true;
  }
  if (phase_ != RecoveryPhase::timeout || una != timeout_una_) congestion.on_rto(outstanding, now);
  phase_ = RecoveryPhase::timeout;
  timeout_una_ = una;
  recovery_end_ = next;
  duplicates_ = 0;
  probe_end_.reset();
  timers.clear(Timer::reorder);
}

// RFC 8985, section 7.2.
std::optional<Duration> Recovery::probe_delay(const Scoreboard& board, const RoundTrip& rtt) const {
  if (!sack_ || phase_ != RecoveryPhase::open || board.empty() || board.sacked() > 0 || probe_end_) return std::nullopt;
  if (!rtt.smoothed()) return seconds(1);
  const Duration delay = 2 * *rtt.smoothed() + (board.outstanding() <= mss_ ? acknowledgment_delay_max : Duration{0});
  return std::max<Duration>(delay, probe_delay_min);
}

void Recovery::probe_sent(Position end, bool retransmission) {
  probe_end_ = end;
  probe_was_retransmission_ = retransmission;
}

std::uint64_t Recovery::in_flight(const Scoreboard& board) const {
  const std::uint64_t arrived = std::min(duplicates_ * mss_, board.in_flight());
  return board.in_flight() - arrived;
}

std::uint64_t Recovery::allowance(const Scoreboard& board, const Congestion& congestion) const {
  if (phase_ == RecoveryPhase::recovery) return reduction_allowance_;
  const std::uint64_t pipe = in_flight(board);
  return congestion.cwnd() > pipe ? congestion.cwnd() - pipe : 0;
}

}  // namespace quoin::netstack::tcp
