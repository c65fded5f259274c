// Finding losses and repairing them: RACK-TLP (RFC 8985), proportional rate reduction (RFC 6937), the retransmission
// timeout's part of it (RFC 6298, RFC 6675), NewReno for peers without SACK (RFC 6582), and taking a mistake back when
// timestamps prove it (RFC 3522).
//
// A range is lost when something sent sufficiently later has arrived. "Sufficiently" is nothing at all while no
// reordering was ever seen and three segments are sacked, which is the classical three duplicate acknowledgments; else
// a quarter of the least round trip, more when that proved wrong. Lost retransmissions are found the same way. The
// tail of a transfer, which nothing follows, is probed for after two round trips, before the timeout would come.
//
//     open ──losses──▶ recovery ──all that was outstanding is acknowledged──▶ open
//       └───timeout──▶ timeout  ──────────────────the same─────────────────▶ open
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/time.h"
#include "netstack/tcp/congestion.h"
#include "netstack/tcp/rtt.h"
#include "netstack/tcp/scoreboard.h"
#include "netstack/tcp/sequence.h"
#include "netstack/tcp/timers.h"

namespace quoin::netstack::tcp {

enum class RecoveryPhase : std::uint8_t { open, recovery, timeout };

class Recovery {
 public:
  static constexpr std::uint64_t duplicate_threshold = 3;  // RFC 5681's DupThresh

  explicit Recovery(std::uint64_t mss) : mss_(mss) {}
  void start(std::uint64_t mss, bool sack) {
    mss_ = mss;
    sack_ = sack;
  }

  struct Ack {
    Position una_before = 0;
    Position una = 0;
    Position next = 0;                    // SND.NXT
    std::span<const Flight> delivered{};  // what it showed to have arrived
    std::uint64_t delivered_bytes = 0;
    bool duplicate = false;       // RFC 5681, section 2; only read without SACK
    bool duplicate_sack = false;  // a block told of a duplicate (RFC 2883)
    std::optional<std::uint32_t> timestamp_echo{};
  };
  // After the scoreboard has taken it in.
  void on_ack(const Ack& ack, Scoreboard& board, const RoundTrip& rtt, Congestion& congestion, Timers& timers,
              Instant now);
  void on_reorder_timer(Position next, Scoreboard& board, const RoundTrip& rtt, Congestion& congestion, Timers& timers,
                        Instant now);
  void on_retransmit_timer(Position next, Scoreboard& board, Congestion& congestion, Timers& timers, Instant now);

  // The tail probe. After it went out, `retransmission` tells whether it repeated something.
  std::optional<Duration> probe_delay(const Scoreboard& board, const RoundTrip& rtt) const;
  void probe_sent(Position end, bool retransmission);
  bool probing() const { return probe_end_.has_value(); }

  void retransmitted(std::uint32_t timestamp) {
    if (may_take_back_ && !first_retransmission_) first_retransmission_ = timestamp;
  }
  void sent(std::uint64_t bytes) {
    reduction_sent_ += bytes;
    reduction_allowance_ -= bytes < reduction_allowance_ ? bytes : reduction_allowance_;
  }

  // How many more bytes may be in flight now.
  std::uint64_t allowance(const Scoreboard& board, const Congestion& congestion) const;
  std::uint64_t in_flight(const Scoreboard& board) const;  // as far as known: without SACK duplicates are guesses
  RecoveryPhase phase() const { return phase_; }

 private:
  void note_delivered(const Ack& ack, const RoundTrip& rtt, Instant now);
  void note_duplicate(const Ack& ack);
  void take_back_if_spurious(const Ack& ack, Scoreboard& board, Congestion& congestion);
  void leave_if_recovered(const Ack& ack);
  void settle_probe(const Ack& ack, const Scoreboard& board, Congestion& congestion, Instant now);
  bool detect_losses(Scoreboard& board, const RoundTrip& rtt, Timers& timers, Instant now);
  bool detect_losses_without_sack(const Ack& ack, Scoreboard& board);
  void enter_recovery(Position next, const Scoreboard& board, Congestion& congestion, Instant now);
  void reduce(const Ack& ack, bool new_losses, const Scoreboard& board, const Congestion& congestion);
  Duration reordering_window(const Scoreboard& board, const RoundTrip& rtt) const;
  bool sent_before_newest(const Flight& flight) const;

  std::uint64_t mss_;
  bool sack_ = false;
  RecoveryPhase phase_ = RecoveryPhase::open;
  Position recovery_end_ = 0;                          // SND.NXT when it began
  bool may_take_back_ = false;                         // until an acknowledgment moves on after the retransmission
  std::optional<std::uint32_t> first_retransmission_;  // its timestamp

  // RACK: the most recently sent of all that was delivered.
  std::optional<Instant> newest_sent_at_;
  Position newest_end_ = 0;
  Duration newest_rtt_{0};
  Position highest_delivered_ = 0;
  bool reordering_seen_ = false;
  int reordering_multiple_ = 1;
  Position multiple_raised_until_ = 0;  // not raised again before this is acknowledged
  int multiple_recoveries_left_ = 0;    // after which it falls back to one

  std::optional<Position> probe_end_;
  bool probe_was_retransmission_ = false;

  Position timeout_una_ = 0;  // at the last timeout: a second one there is no new sign of congestion

  std::uint64_t duplicates_ = 0;           // without SACK: acknowledgments, each a segment that left
  std::uint64_t reduction_delivered_ = 0;  // PRR: prr_delivered, prr_out, RecoverFS
  std::uint64_t reduction_sent_ = 0;
  std::uint64_t reduction_outstanding_ = 1;
  std::uint64_t reduction_allowance_ = 0;
};

}  // namespace quoin::netstack::tcp
