// What a connection puts on the wire.

#include <algorithm>

#include "netstack/tcp/connection.h"

namespace quoin::netstack::tcp {

namespace {

constexpr std::size_t timestamps_length = 12;
constexpr Duration echo_age_max = minutes(5);  // an echo that old was made up

}  // namespace

std::optional<Outgoing> Connection::poll_transmit(Instant now) {
  if (answer_) {
    const std::optional<Outgoing> answer = answer_;
    answer_.reset();
    return answer;
  }
  if (state_ == State::closed) return std::nullopt;
  if (handshake_due_) return handshake_segment(now);
  // SACK blocks travel on bare acknowledgments, so that packets with payload all have one size of header.
  if (receiver_.acknowledgment_due() && sack_ && receiver_.has_sack_to_send()) return acknowledgment(now);
  if (const auto transmission = sender_.next(timestamp(now), timers_, now)) return data_segment(*transmission, now);
  if (receiver_.acknowledgment_due()) return acknowledgment(now);
  if (keepalive_due_) {
    keepalive_due_ = false;
    return segment(sender_.next_position() - 1, now);  // outside the window, so that it is answered
  }
  return std::nullopt;
}

std::uint32_t Connection::timestamp(Instant now) const {
  return static_cast<std::uint32_t>(now.since_zero / milliseconds(1)) + config_.timestamp_offset;
}

std::optional<Duration> Connection::since_timestamp(std::uint32_t echo, Instant now) const {
  const Duration age = milliseconds(timestamp(now) - echo);
  if (age > echo_age_max) return std::nullopt;
  return age;
}

std::size_t Connection::payload_mss() const {
  return std::min(config_.mss, peer_mss_) - (timestamps_ ? timestamps_length : 0);
}

// Every segment acknowledges all there is, so sending any settles what was due.
Outgoing Connection::segment(Position sequence, Instant now) {
  Outgoing out{.sequence = on_wire(sequence),
               .acknowledgment = on_wire(receiver_.next()),
               .flags = {.ack = true},
               .window = receiver_.advertise(),
               .mss = sender_.mss()};
  if (timestamps_) out.options.timestamps = Timestamps{.value = timestamp(now), .echo = timestamp_recent_};
  acknowledged_ = receiver_.next();
  receiver_.acknowledged(timers_);
  return out;
}

Outgoing Connection::acknowledgment(Instant now) {
  Outgoing out = segment(sender_.next_position(), now);
  if (sack_) out.options.sack = receiver_.sack_blocks(timestamps_ ? 3 : SackBlocks::blocks_max);
  return out;
}

Outgoing Connection::data_segment(const Sender::Transmission& transmission, Instant now) {
  Outgoing out = segment(transmission.start, now);
  out.payload = sender_.payload(transmission);
  out.flags.psh = transmission.last && transmission.length > 0;
  out.flags.fin = transmission.fin;
  return out;
}

// A SYN says what we can do; a SYN-ACK what was agreed. The window of either is not scaled.
Outgoing Connection::handshake_segment(Instant now) {
  handshake_due_ = false;
  handshake_sent_++;
  handshake_sent_at_ = now;
  timers_.set(Timer::retransmit, now + sender_.round_trip().timeout());
  const bool answering = state_ == State::syn_received;
  Outgoing out{.sequence = on_wire(sender_.una()), .flags = {.syn = true, .ack = answering}};
  out.window = receiver_.window().first();
  out.options.mss = static_cast<std::uint16_t>(std::min<std::size_t>(config_.mss, 65'535));
  out.options.sack_permitted = answering ? sack_ : config_.sack;
  if (answering ? window_scale_ : config_.window_scale) out.options.window_scale = ReceiveWindow::shift_offered;
  if (answering ? timestamps_ : config_.timestamps) {
    out.options.timestamps = Timestamps{.value = timestamp(now), .echo = timestamp_recent_};
  }
  if (answering) {
    out.acknowledgment = on_wire(receiver_.next());
    acknowledged_ = receiver_.next();
    receiver_.acknowledged(timers_);
  }
  return out;
}

}  // namespace quoin::netstack::tcp
