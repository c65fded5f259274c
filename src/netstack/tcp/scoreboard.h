// What was sent and not acknowledged, range by range (RFC 6675, section 3; RFC 8985, section 5.2).
//
// A range is one transmission: up to 64 KiB that left together. It is split only where an acknowledgment, a SACK block
// or a shorter retransmission says so, and for SACK only between packets, so that a peer cannot make it splinter.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/time.h"
#include "netstack/tcp/rate_sample.h"
#include "netstack/tcp/sequence.h"

namespace quoin::netstack::tcp {

struct Flight {
  Position start = 0;
  Position end = 0;             // one past its last, a FIN counted
  Instant sent_at{};            // last time
  DeliverySnapshot snapshot{};  // taken then
  bool sacked = false;
  bool lost = false;           // to be sent again, and not in flight until then
  bool retransmitted = false;  // sent more than once

  std::uint64_t bytes() const { return end - start; }
};

class Scoreboard {
 public:
  static constexpr std::size_t ranges_max = 4'096;

  explicit Scoreboard(std::uint64_t mss) : mss_(mss) {}
  void set_mss(std::uint64_t mss) { mss_ = mss; }

  void sent(Position start, Position end, Instant now, const DeliverySnapshot& snapshot);
  // Sends the first `bytes` of a lost range again.
  void resent(std::size_t index, std::uint64_t bytes, Instant now, const DeliverySnapshot& snapshot);
  // Both append what is newly delivered to `delivered`.
  void acknowledge(Position upto, std::vector<Flight>& delivered);
  void sack(Position left, Position right, std::vector<Flight>& delivered);

  void mark_lost(std::size_t index);
  void mark_lost_first(std::uint64_t bytes);          // of the first range
  void mark_all_lost();                               // what is not sacked
  void mark_none_lost();                              // the losses were a mistake: all is in flight
  void forget_sacks();                                // the peer reneged (RFC 2018, section 8)
  std::size_t split(std::size_t index, Position at);  // the index of the part that starts at `at`

  bool empty() const { return ranges_.empty(); }
  bool full() const { return ranges_.size() >= ranges_max; }
  std::size_t size() const { return ranges_.size(); }
  const Flight& operator[](std::size_t index) const { return ranges_[index]; }
  std::uint64_t in_flight() const { return in_flight_; }  // neither sacked nor lost: RFC 6675's pipe
  std::uint64_t sacked() const { return sacked_; }
  std::uint64_t lost() const { return lost_; }
  std::uint64_t outstanding() const { return in_flight_ + sacked_ + lost_; }
  Position highest_sacked() const { return highest_sacked_; }
  std::size_t first_lost() const;  // size() if none
  std::size_t memory_used() const { return ranges_.size() * sizeof(Flight); }
  void clear();

 private:
  std::uint64_t& count_of(const Flight& flight) { return flight.sacked ? sacked_ : flight.lost ? lost_ : in_flight_; }
  std::size_t first_ending_after(Position position) const;

  std::deque<Flight> ranges_;
  std::uint64_t mss_;
  std::uint64_t in_flight_ = 0;
  std::uint64_t sacked_ = 0;
  std::uint64_t lost_ = 0;
  Position highest_sacked_ = 0;  // one past the last position sacked
};

}  // namespace quoin::netstack::tcp
