#include "netstack/tcp/receive_window.h"

#include <algorithm>

namespace quoin::netstack::tcp {

namespace {

constexpr std::size_t window_bytes_max = std::size_t{65'535} << ReceiveWindow::shift_offered;
constexpr Duration round_trip_unknown = milliseconds(100);
constexpr Duration round_trip_least = milliseconds(1);

}  // namespace

ReceiveWindow::ReceiveWindow(std::size_t limit, std::size_t mss)
    : limit_(0), size_(window_bytes_first), first_(0), mss_(mss) {
  set_limit(limit);
  first_ = static_cast<std::uint16_t>(std::min(size_, window_bytes_first));
}

void ReceiveWindow::start(Position receive_next, std::uint8_t shift) {
  shift_ = shift;
  edge_ = receive_next + first_;
}

Position ReceiveWindow::free_edge(Position receive_next, Position consumed) const {
  const Position target = consumed + size_;
  if (target <= receive_next) return receive_next;
  const Position open = std::min<Position>((target - receive_next) >> shift_, 65'535) << shift_;
  return receive_next + open;
}

std::uint16_t ReceiveWindow::advertise(Position receive_next, Position consumed) {
  const Position unit = Position{1} << shift_;
  const Position kept = edge_ > receive_next ? edge_ - receive_next : 0;
  const Position open = free_edge(receive_next, consumed) - receive_next;
  Position field;
  if (open >= kept + std::min(mss_, size_ / 2)) {  // RFC 9293, section 3.8.6.2.2: no silly windows
    field = open / unit;
  } else {
    field = (kept + unit - 1) / unit;
    if (receive_next + field * unit > consumed + size_ + unit) field = kept / unit;
  }
  field = std::min<Position>(field, 65'535);
  edge_ = std::max(edge_, receive_next + field * unit);
  return static_cast<std::uint16_t>(field);
}

bool ReceiveWindow::update_due(Position receive_next, Position consumed) const {
  const Position open = free_edge(receive_next, consumed);
  return open >= std::max(edge_, receive_next) + std::max<std::size_t>(std::min(2 * mss_, size_ / 2), 1);
}

void ReceiveWindow::consumed(std::size_t bytes, Instant now) {
  if (!measuring_) {
    measuring_ = true;
    measured_since_ = now;
    taken_ = 0;
  }
  taken_ += bytes;
  const Duration round = round_trip_ == Duration{0} ? round_trip_unknown : std::max(round_trip_, round_trip_least);
  if (now - measured_since_ < round) return;
  // A reader that pauses for many round trips is not a fast reader: what it takes is spread over the pause.
  const double rounds = static_cast<double>((now - measured_since_).count()) / static_cast<double>(round.count());
  const double wanted = 2.0 * static_cast<double>(taken_) / std::max(1.0, rounds / 2);
  if (wanted > static_cast<double>(size_)) {
    size_ = std::min({static_cast<std::size_t>(wanted), 2 * size_, limit_});
  }
  measured_since_ = now;
  taken_ = 0;
}

void ReceiveWindow::round_trip(Duration sample) {
  round_trip_ = round_trip_ == Duration{0} ? sample : round_trip_ + (sample - round_trip_) / 8;
}

void ReceiveWindow::set_limit(std::size_t limit) {
  limit_ = std::clamp(limit, 2 * mss_, window_bytes_max);
  size_ = std::min(size_, limit_);
}

}  // namespace quoin::netstack::tcp
