#include "netstack/tcp/scoreboard.h"

#include <algorithm>

namespace quoin::netstack::tcp {

void Scoreboard::sent(Position start, Position end, Instant now, const DeliverySnapshot& snapshot) {
  ranges_.push_back({.start = start, .end = end, .sent_at = now, .snapshot = snapshot});
  in_flight_ += end - start;
}

void Scoreboard::resent(std::size_t index, std::uint64_t bytes, Instant now, const DeliverySnapshot& snapshot) {
  if (bytes < ranges_[index].bytes()) split(index, ranges_[index].start + bytes);
  Flight& flight = ranges_[index];
  count_of(flight) -= flight.bytes();
  flight.lost = false;
  flight.retransmitted = true;
  flight.sent_at = now;
  flight.snapshot = snapshot;
  count_of(flight) += flight.bytes();
}

void Scoreboard::acknowledge(Position upto, std::vector<Flight>& delivered) {
  while (!ranges_.empty() && ranges_.front().start < upto) {
    if (ranges_.front().end > upto) split(0, upto);
    const Flight& flight = ranges_.front();
    count_of(flight) -= flight.bytes();
    if (!flight.sacked) delivered.push_back(flight);
    ranges_.pop_front();
  }
}

void Scoreboard::sack(Position left, Position right, std::vector<Flight>& delivered) {
  for (std::size_t i = first_ending_after(left); i < ranges_.size() && ranges_[i].start < right; i++) {
    if (ranges_[i].sacked) continue;
    const Position start = ranges_[i].start;
    // Inwards to the edges of packets.
    const Position from = start >= left ? start : start + (left - start + mss_ - 1) / mss_ * mss_;
    const Position to = ranges_[i].end <= right ? ranges_[i].end : start + (right - start) / mss_ * mss_;
    if (from >= to) continue;
    if (from > start) i = split(i, from);
    if (to < ranges_[i].end) split(i, to);
    Flight& flight = ranges_[i];
    count_of(flight) -= flight.bytes();
    delivered.push_back(flight);
    flight.lost = false;
    flight.sacked = true;
    count_of(flight) += flight.bytes();
    highest_sacked_ = std::max(highest_sacked_, to);
  }
}

void Scoreboard::mark_lost(std::size_t index) {
  Flight& flight = ranges_[index];
  if (flight.sacked || flight.lost) return;
  in_flight_ -= flight.bytes();
  flight.lost = true;
  lost_ += flight.bytes();
}

void Scoreboard::mark_lost_first(std::uint64_t bytes) {
  if (ranges_.empty()) return;
  if (ranges_.front().bytes() > bytes) split(0, ranges_.front().start + bytes);
  mark_lost(0);
}

void Scoreboard::mark_all_lost() {
  for (std::size_t i = 0; i < ranges_.size(); i++) mark_lost(i);
}

void Scoreboard::mark_none_lost() {
  for (Flight& flight : ranges_) flight.lost = false;
  in_flight_ += lost_;
  lost_ = 0;
}

void Scoreboard::forget_sacks() {
  for (Flight& flight : ranges_) flight.sacked = false;
  in_flight_ += sacked_;
  sacked_ = 0;
}

std::size_t Scoreboard::split(std::size_t index, Position at) {
  Flight rest = ranges_[index];
  rest.start = at;
  ranges_[index].end = at;
  ranges_.insert(ranges_.begin() + static_cast<std::ptrdiff_t>(index) + 1, rest);
  return index + 1;
}

std::size_t Scoreboard::first_lost() const {
  if (lost_ == 0) return ranges_.size();
  return static_cast<std::size_t>(std::ranges::find(ranges_, true, &Flight::lost) - ranges_.begin());
}

std::size_t Scoreboard::first_ending_after(Position position) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(ranges_, position, {}, &Flight::end) - ranges_.begin());
}

void Scoreboard::clear() {
  ranges_.clear();
  in_flight_ = sacked_ = lost_ = 0;
}

}  // namespace quoin::netstack::tcp
