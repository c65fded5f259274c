// SEGMENT ARRIVES (RFC 9293, section 3.10.7): the checks in their order, with those of RFC 7323, section 5.3 (PAWS),
// and RFC 5961 (blind attacks) where they belong.
//
// Lenient: a segment without timestamps on a connection that agreed on them is judged without them, as Linux does;
// RFC 7323 would drop it. A bare acknowledgment at the very end of the window is accepted: it comes from a peer that
// filled the window while an earlier segment was lost. A FIN that arrives in order needs no room, whatever the window.
#include "netstack/tcp/arrival.h"

#include <utility>

#include "netstack/tcp/reset.h"

namespace quoin::netstack::tcp {

namespace {

constexpr Duration timestamp_lifetime = hours(24 * 24);  // RFC 7323, section 5.5: then it may have wrapped

}  // namespace

void Connection::handle_segment(const Segment& segment, Instant now) {
  switch (state_) {
    case State::closed: return;
    case State::time_wait:
      answer_ = time_wait_->handle_segment(segment, now);
      timers_.set(Timer::time_wait, time_wait_->expires());
      return;
    case State::syn_sent:
      opening_->handle_segment(*this, segment, now);
      if (state_ != State::syn_sent) opening_.reset();
      return;
    default: break;
  }
  const Arrival arrival{
      .segment = segment, .start = unwrap(receiver_.next(), segment.sequence), .payload = segment.payload_bytes()};
  // First the sequence number; then RST, SYN and ACK.
  if (segment.flags.rst) return handle_reset(arrival, now);
  if (!passes_timestamp_check(arrival, now) || !acceptable(arrival)) return handle_unacceptable(arrival, now);
  if (segment.flags.syn) return challenge(now);
  if (!segment.flags.ack) return;
  if (arrival.payload > 0 || unwrap(sender_.una(), segment.acknowledgment) > sender_.una()) asked_early_ = false;
  arm_keepalive(now);
  if (state_ == State::syn_received && !complete_handshake(arrival, now)) return;
  if (!handle_acknowledgment(arrival, now)) return;
  note_timestamp(arrival, now);
  if (abort_if_delivered(now)) return;
  // Then the text and the FIN. Urgent data is ordinary data here.
  const auto is_over = [this] { return state_ == State::closed || state_ == State::time_wait; };
  if (!is_over()) handle_text(arrival, now);
  if (!is_over()) missing_.note(receiver_.next(), arrival.end(), sender_.round_trip().timeout_at_first(), now, timers_);
}

bool Connection::passes_timestamp_check(const Arrival& arrival, Instant now) const {
  const auto& timestamps = arrival.segment.options.timestamps;
  if (!timestamps_ || !timestamps) return true;
  return !timestamp_before(timestamps->value, timestamp_recent_) || now - timestamp_recent_at_ > timestamp_lifetime;
}

bool Connection::acceptable(const Arrival& arrival) const {
  const Position next = receiver_.next();
  const Position edge = std::max(receiver_.window_edge(), next);
  if (arrival.empty()) return arrival.start >= next && arrival.start <= edge;
  // With a closed window a segment at its left edge still brings its acknowledgment; its text is cut away.
  return (arrival.start < edge && arrival.end() > next) || arrival.start == next;
}

// "If an incoming segment is not acceptable, an acknowledgment should be sent in reply."
void Connection::handle_unacceptable(const Arrival& arrival, Instant now) {
  const Flags& flags = arrival.segment.flags;
  if (state_ == State::syn_received && flags.syn && !flags.ack && arrival.end() == receiver_.next()) {
    if (challenges_.take(now)) handshake_due_ = true;  // our SYN-ACK was lost
    return;
  }
  const bool repeats_text = arrival.payload > 0 && !flags.syn && arrival.end() <= receiver_.next();
  if (repeats_text && state_ != State::syn_received) {
    receiver_.accept(arrival.start, arrival.segment.payload, flags.fin, arrival.segment.largest_packet, now, timers_);
    receiver_.acknowledge_now();
  } else {
    challenge(now);
  }
}

void Connection::handle_reset(const Arrival& arrival, Instant now) {
  if (arrival.start == receiver_.next()) {
    close(CloseReason::reset);
  } else if (arrival.start > receiver_.next() && arrival.start < receiver_.window_edge()) {
    challenge(now);
  }
}

void Connection::challenge(Instant now) {
  if (challenges_.take(now)) receiver_.acknowledge_now();
}

// RFC 7323, section 4.3: of the segment that the next acknowledgment is about.
void Connection::note_timestamp(const Arrival& arrival, Instant now) {
  const auto& timestamps = arrival.segment.options.timestamps;
  if (!timestamps_ || !timestamps || arrival.start > acknowledged_) return;
  if (timestamp_before(timestamps->value, timestamp_recent_) && now - timestamp_recent_at_ <= timestamp_lifetime) {
    return;
  }
  timestamp_recent_ = timestamps->value;
  timestamp_recent_at_ = now;
}

bool Connection::complete_handshake(const Arrival& arrival, Instant now) {
  const Position acknowledgment = unwrap(sender_.una(), arrival.segment.acknowledgment);
  if (acknowledgment != sender_.next_position()) {
    answer_ = reset_for(arrival.segment);
    return false;
  }
  const std::uint64_t window = std::uint64_t{arrival.segment.window} << peer_shift_;
  become_established(window, arrival.start, acknowledgment, now);
  return true;
}

bool Connection::handle_acknowledgment(const Arrival& arrival, Instant now) {
  const Segment& segment = arrival.segment;
  const Position upto = unwrap(sender_.una(), segment.acknowledgment);
  // RFC 5961, section 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT
  if (upto > sender_.sent_end() || upto + sender_.window_max() < sender_.una()) {
    challenge(now);
    return false;
  }
  if (upto < sender_.una()) return true;  // old news; the text may be new
  const std::uint64_t window = std::uint64_t{segment.window} << peer_shift_;
  Sender::Acknowledgment ack{.upto = upto, .bare = arrival.empty(), .window_changed = window != sender_.window()};
  if (sack_) ack.sack = segment.options.sack.list();
  if (timestamps_ && segment.options.timestamps) {
    ack.timestamp_echo = segment.options.timestamps->echo;
    ack.timestamp_rtt = since_timestamp(segment.options.timestamps->echo, now);
  }
  sender_.update_window(window, arrival.start, upto);
  sender_.handle_ack(ack, timers_, now);
  note_writable();
  if (sender_.finish_acknowledged()) after_our_finish(now);
  return true;
}

void Connection::after_our_finish(Instant now) {
  if (state_ == State::fin_wait_1) {
    move_to(State::fin_wait_2);
  } else if (state_ == State::closing) {
    enter_time_wait(now);
  } else if (state_ == State::last_ack) {
    close(CloseReason::finished);
  }
}

void Connection::handle_text(const Arrival& arrival, Instant now) {
  const Segment& segment = arrival.segment;
  if (arrival.empty() || receiver_.finished()) {
    if (!arrival.empty()) challenge(now);  // there is nothing after a FIN
    return;
  }
  // The age of what the peer's text answers is a round trip as the receiver sees it.
  if (timestamps_ && segment.options.timestamps && segment.options.timestamps->echo != echo_measured_) {
    echo_measured_ = segment.options.timestamps->echo;
    if (const auto age = since_timestamp(echo_measured_, now)) receiver_.window().round_trip(*age);
  }
  const std::size_t before = receiver_.readable_bytes();
  receiver_.accept(arrival.start, segment.payload, segment.flags.fin, segment.largest_packet, now, timers_);
  if (receiver_.readable_bytes() > before) event_readable_ = true;
  if (receiver_.finished()) after_peer_finish(now);
}

void Connection::after_peer_finish(Instant now) {
  event_peer_finished_ = true;
  switch (state_) {
    case State::established: return move_to(State::close_wait);
    case State::fin_wait_1: return move_to(State::closing);
    case State::fin_wait_2: return enter_time_wait(now);
    default: std::unreachable();  // text is only taken before the peer's FIN
  }
}

}  // namespace quoin::netstack::tcp
