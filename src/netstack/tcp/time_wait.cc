#include "netstack/tcp/time_wait.h"

#include "netstack/tcp/sequence.h"

namespace quoin::netstack::tcp {

TimeWait::TimeWait(const Last& last, Instant now)
    : expires_(now + length),
      send_next_(last.send_next),
      receive_next_(last.receive_next),
      timestamp_recent_(last.timestamp_recent.value_or(0)),
      timestamp_offset_(last.timestamp_offset),
      window_(last.window),
      timestamps_(last.timestamp_recent.has_value()) {}

std::optional<Outgoing> TimeWait::handle_segment(const Segment& segment, Instant now) {
  if (segment.flags.rst) return std::nullopt;
  const std::uint32_t length_in_sequence = static_cast<std::uint32_t>(segment.payload_bytes()) + segment.flags.fin;
  const bool repeated_finish = segment.flags.fin && segment.sequence + length_in_sequence == receive_next_;
  if (repeated_finish) expires_ = now + length;
  // A bare acknowledgment of what we have says nothing new, and two ends here would answer each other for ever.
  if (length_in_sequence == 0 && !segment.flags.syn && segment.sequence == receive_next_) return std::nullopt;
  if (has_answered_ && now - answered_ < answer_interval) return std::nullopt;
  has_answered_ = true;
  answered_ = now;
  return acknowledgment(now);
}

Outgoing TimeWait::acknowledgment(Instant now) const {
  Outgoing out{.sequence = send_next_, .acknowledgment = receive_next_, .flags = {.ack = true}, .window = window_};
  if (timestamps_) {
    const auto ticks = static_cast<std::uint32_t>(now.since_zero / milliseconds(1));
    out.options.timestamps = Timestamps{.value = ticks + timestamp_offset_, .echo = timestamp_recent_};
  }
  return out;
}

bool TimeWait::may_reopen(const Segment& syn) const {
  if (!syn.flags.syn || syn.flags.ack || syn.flags.rst || syn.flags.fin) return false;
  if (timestamps_ && syn.options.timestamps) {
    if (timestamp_before(timestamp_recent_, syn.options.timestamps->value)) return true;
    if (syn.options.timestamps->value != timestamp_recent_) return false;
  }
  return static_cast<std::int32_t>(syn.sequence - receive_next_) > 0;
}

}  // namespace quoin::netstack::tcp
