#include "netstack/tcp/connection.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace quoin::netstack::tcp {

namespace {

constexpr std::size_t peer_mss_unsaid = 536;   // RFC 9293, section 3.7.1
constexpr std::size_t peer_mss_min = 88;       // below it options would leave next to nothing for payload
constexpr std::size_t controller_bytes = 512;  // of memory, for the congestion controller and an empty scoreboard

}  // namespace

std::optional<Syn> Syn::from(const Segment& segment) {
  const Flags& flags = segment.flags;
  if (!flags.syn || flags.ack || flags.rst || flags.fin) return std::nullopt;
  return Syn{.sequence = segment.sequence, .window = segment.window, .options = segment.options};
}

Connection::Connection(const Config& config, State state)
    : config_(config),
      state_(state),
      sender_(config.initial_sequence, config.mss, config.send_limit, config.congestion),
      receiver_(config.receive_limit, config.mss) {}

Connection Connection::accept(const Syn& syn, const Config& config, Instant now) {
  Connection connection(config, State::syn_received);
  connection.negotiate(syn, now);
  connection.begin(now);
  return connection;
}

void Connection::begin(Instant now) {
  handshake_due_ = true;
  timers_.set(Timer::give_up, now + config_.handshake_timeout);
}

void Connection::negotiate(const Syn& peer, Instant now) {
  const Options& options = peer.options;
  peer_mss_ = std::max<std::size_t>(options.mss.value_or(peer_mss_unsaid), peer_mss_min);
  timestamps_ = config_.timestamps && options.timestamps.has_value();
  sack_ = config_.sack && options.sack_permitted;
  window_scale_ = config_.window_scale && options.window_scale.has_value();
  peer_shift_ = window_scale_ ? *options.window_scale : 0;
  if (timestamps_) {
    timestamp_recent_ = options.timestamps->value;
    timestamp_recent_at_ = now;
  }
  receiver_.start(peer.sequence, window_scale_ ? ReceiveWindow::shift_offered : 0);
}

void Connection::become_established(std::uint64_t window, Position sequence, Position acknowledgment, Instant now) {
  timers_.clear(Timer::retransmit);
  timers_.clear(Timer::give_up);
  std::optional<Duration> rtt;
  if (handshake_sent_ == 1) rtt = now - handshake_sent_at_;  // else it is not known which one was answered
  sender_.start({.mss = payload_mss(), .sack = sack_, .rtt = rtt}, now);
  sender_.update_window(window, sequence, acknowledgment);
  if (rtt) receiver_.window().round_trip(*rtt);
  handshake_due_ = false;
  move_to(State::established);
  event_connected_ = true;
  arm_keepalive(now);
  if (finish_wanted_) start_finish(now);
}

void Connection::move_to(State state) {
  assert(may_follow(state_, state));
  state_ = state;
}

std::optional<Event> Connection::poll_event() {
  if (std::exchange(event_connected_, false)) return Event{EventKind::connected};
  if (std::exchange(event_readable_, false)) return Event{EventKind::readable};
  if (std::exchange(event_peer_finished_, false)) return Event{EventKind::peer_finished};
  if (std::exchange(event_writable_, false)) return Event{EventKind::writable};
  if (const auto report = std::exchange(event_missing_, std::nullopt)) {
    return Event{.kind = EventKind::missing, .missing = *report};
  }
  if (std::exchange(event_closed_, false)) return Event{EventKind::closed, *close_reason_};
  return std::nullopt;
}

void Connection::consume(std::size_t bytes, Instant now) {
  receiver_.consume(bytes, now);
  close_when_read();
}

std::size_t Connection::writable_bytes() const {
  return finish_wanted_ || abort_wanted_ || state_ == State::closed ? 0 : sender_.queue().writable_bytes();
}

std::array<MutableBytes, 2> Connection::write_space(std::size_t wanted) {
  if (writable_bytes() == 0) {
    was_full_ = true;
    return {};
  }
  return sender_.queue().write_space(wanted);
}

void Connection::commit(std::size_t bytes, Instant) {
  sender_.queue().commit(bytes);
  if (writable_bytes() == 0) was_full_ = true;
}

std::size_t Connection::write(Bytes bytes, Instant now) {
  std::size_t taken = 0;
  for (const MutableBytes part : write_space(bytes.size())) {
    if (!part.empty()) std::memcpy(part.data(), bytes.data() + taken, part.size());
    taken += part.size();
  }
  commit(taken, now);
  if (taken < bytes.size()) was_full_ = true;
  return taken;
}

// Edge-triggered, and only for a writer that met the end of the queue: room for a quarter of it is worth a wake-up.
void Connection::note_writable() {
  if (!was_full_ || writable_bytes() < std::max<std::size_t>(sender_.queue().limit() / 4, 1)) return;
  was_full_ = false;
  event_writable_ = true;
}

void Connection::finish(Instant now) {
  if (finish_wanted_ || state_ == State::closed) return;
  finish_wanted_ = true;
  event_writable_ = false;
  if (state_ == State::established || state_ == State::close_wait) start_finish(now);
}

void Connection::start_finish(Instant) {
  sender_.finish();
  move_to(state_ == State::close_wait ? State::last_ack : State::fin_wait_1);
}

// RFC 9293, section 3.10.5: after both FINs, and before anything was answered, there is nothing to reset.
void Connection::abort(Instant now) {
  if (closed()) return;
  switch (state_) {
    case State::syn_received:
    case State::established:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::close_wait:
      answer_ = segment(sender_.next_position(), now);
      answer_->flags.rst = true;
      close(CloseReason::aborted);
      return;
    case State::syn_sent:
    case State::closing:
    case State::last_ack: close(CloseReason::aborted); return;
    case State::time_wait:
    case State::closed:
      receiver_.discard();
      close_reason_ = CloseReason::aborted;
      event_readable_ = event_peer_finished_ = false;
      event_closed_ = true;
      return;
  }
}

void Connection::abort_when_delivered(Duration patience, Instant now) {
  if (closed() || abort_wanted_) return;
  abort_wanted_ = true;
  event_writable_ = false;
  if (!abort_if_delivered(now)) timers_.set(Timer::give_up, now + patience);
}

bool Connection::abort_if_delivered(Instant now) {
  if (!abort_wanted_ || sender_.queue().size() > 0) return false;
  abort(now);
  return true;
}

void Connection::enter_time_wait(Instant now) {
  move_to(State::time_wait);
  sender_.stop(timers_);
  timers_.clear_all();
  time_wait_ = TimeWait({.send_next = on_wire(sender_.next_position()),
                         .receive_next = on_wire(receiver_.next()),
                         .window = receiver_.advertise(),
                         .timestamp_recent = timestamps_ ? std::optional(timestamp_recent_) : std::nullopt,
                         .timestamp_offset = config_.timestamp_offset},
                        now);
  timers_.set(Timer::time_wait, time_wait_->expires());
  event_writable_ = false;
  over_ = true;
  close_when_read();
}

void Connection::close(CloseReason reason) {
  move_to(State::closed);
  sender_.stop(timers_);
  timers_.clear_all();
  handshake_due_ = keepalive_due_ = false;
  event_writable_ = false;
  if (reason == CloseReason::finished) {
    over_ = true;
    close_when_read();
    return;
  }
  receiver_.discard();
  event_connected_ = event_readable_ = event_peer_finished_ = false;
  close_reason_ = reason;
  event_closed_ = true;
}

void Connection::close_when_read() {
  if (!over_ || closed() || receiver_.readable_bytes() > 0) return;
  close_reason_ = CloseReason::finished;
  event_closed_ = true;
}

void Connection::handle_timeout(Instant now) {
  if (timers_.take_expired(Timer::time_wait, now)) {
    time_wait_.reset();
    move_to(State::closed);
  }
  if (timers_.take_expired(Timer::give_up, now)) {
    if (abort_wanted_) return abort(now);
    close(CloseReason::timed_out);
  }
  if (timers_.take_expired(Timer::retransmit, now)) handle_retransmit_timer(now);
  if (timers_.take_expired(Timer::persist, now)) {
    sender_.on_persist_timer(timers_, now);
    if (sender_.exhausted()) close(CloseReason::timed_out);
  }
  if (timers_.take_expired(Timer::tail_probe, now)) sender_.on_tail_probe_timer();
  if (timers_.take_expired(Timer::reorder, now)) sender_.on_reorder_timer(timers_, now);
  if (timers_.take_expired(Timer::delayed_ack, now)) receiver_.acknowledge_now();
  if (timers_.take_expired(Timer::keepalive, now)) handle_keepalive_timer(now);
  if (timers_.take_expired(Timer::missing, now)) event_missing_ = missing_.handle_timer(now, timers_);
  timers_.take_expired(Timer::pace, now);  // poll_transmit does the rest
}

void Connection::handle_retransmit_timer(Instant now) {
  if (state_ == State::syn_sent || state_ == State::syn_received) {
    handshake_due_ = true;
    sender_.round_trip().back_off();
    return;
  }
  sender_.on_retransmit_timer(timers_, now);
  if (sender_.exhausted()) close(CloseReason::timed_out);
}

void Connection::arm_keepalive(Instant now) {
  if (!config_.keepalive) return;
  keepalives_unanswered_ = 0;
  const auto& early = config_.keepalive->early;
  const bool asks_early = early && !asked_early_ && receiver_.largest_packet() < payload_mss();
  timers_.set(Timer::keepalive, now + (asks_early ? *early : config_.keepalive->idle));
}

// RFC 9293, section 3.8.4. While something is in flight its retransmission tells whether the peer lives.
void Connection::handle_keepalive_timer(Instant now) {
  const bool idle = sender_.outstanding() == 0 && !timers_.armed(Timer::persist);
  if (!idle) {
    arm_keepalive(now);
    return;
  }
  if (config_.keepalive->early && !std::exchange(asked_early_, true) && receiver_.largest_packet() < payload_mss()) {
    keepalive_due_ = true;
    timers_.set(Timer::keepalive, now + config_.keepalive->idle);
    return;
  }
  if (keepalives_unanswered_ >= config_.keepalive->probes_max) {
    close(CloseReason::timed_out);
    return;
  }
  keepalives_unanswered_++;
  keepalive_due_ = true;
  timers_.set(Timer::keepalive, now + config_.keepalive->interval);
}

void Connection::set_mss(std::size_t mss) {
  if (mss >= config_.mss) return;
  config_.mss = std::max(mss, peer_mss_min);
  if (state_ != State::syn_sent && state_ != State::syn_received) sender_.set_mss(payload_mss());
}

void Connection::release_idle_memory() {
  sender_.queue().release_idle_memory();
  receiver_.release_idle_memory();
}

std::size_t Connection::memory_used() const {
  return sizeof(Connection) + controller_bytes + sender_.memory_used() + receiver_.memory_used();
}

}  // namespace quoin::netstack::tcp
