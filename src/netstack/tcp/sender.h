// The sending half of a connection: what leaves next, and what an acknowledgment means.
//
// It owns the send queue, the scoreboard, loss recovery, the round-trip and rate estimates and the congestion
// controller, and lets each do its one thing. Flow control is here (RFC 9293, section 3.8.6): the peer's window, the
// avoidance of silly windows, and the zero-window probe, which has a timer and a back-off of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "netstack/tcp/congestion.h"
#include "netstack/tcp/options.h"
#include "netstack/tcp/pacer.h"
#include "netstack/tcp/rate_sample.h"
#include "netstack/tcp/recovery.h"
#include "netstack/tcp/rtt.h"
#include "netstack/tcp/scoreboard.h"
#include "netstack/tcp/send.h"
#include "netstack/tcp/sequence.h"
#include "netstack/tcp/timers.h"

namespace quoin::netstack::tcp {

class Sender {
 public:
  static constexpr std::uint64_t retransmissions_max = 15;  // in a row, without progress
  static constexpr Duration progress_timeout = minutes(3);  // RFC 9293's R2 and user timeout
  static constexpr std::size_t payload_bytes_max = 65'536;  // of one transmission

  Sender(std::uint32_t initial_sequence, std::size_t mss, std::size_t limit, CongestionKind kind);

  struct Negotiated {
    std::size_t mss = 0;  // payload per packet, options taken off
    bool sack = false;
    std::optional<Duration> rtt{};  // of the handshake
  };
  // The SYN is acknowledged: bytes may flow.
  void start(const Negotiated& negotiated, Instant now);

  void set_mss(std::size_t mss);  // payload per packet

  // The window is told in full bytes; it is taken if the segment is not older than the one that told the last.
  void update_window(std::uint64_t window, Position sequence, Position acknowledgment);

  struct Acknowledgment {
    Position upto = 0;  // between una() and sent_end()
    std::span<const SackBlock> sack{};
    bool bare = false;  // no payload, no FIN: may be a duplicate
    bool window_changed = false;
    std::optional<std::uint32_t> timestamp_echo{};  // and
    std::optional<Duration> timestamp_rtt{};        // how long ago that was sent
  };
  void handle_ack(const Acknowledgment& ack, Timers& timers, Instant now);

  struct Transmission {
    Position start = 0;
    std::size_t length = 0;  // bytes of payload
    bool fin = false;
    bool last = false;  // the queue ends with it
  };
  // What leaves next; `timestamp` is what it will carry.
  std::optional<Transmission> next(std::uint32_t timestamp, Timers& timers, Instant now);
  std::array<Bytes, 2> payload(const Transmission& t) const { return queue_.read(t.start, t.length); }

  void on_retransmit_timer(Timers& timers, Instant now);
  void on_persist_timer(Timers& timers, Instant now);
  void on_reorder_timer(Timers& timers, Instant now);
  void on_tail_probe_timer() { tail_probe_due_ = true; }
  bool exhausted() const { return attempts_ > retransmissions_max; }

  void finish() { finishing_ = true; }
  bool finish_acknowledged() const { return finishing_ && una_ == queue_.end() + 1; }
  void stop(Timers& timers);  // nothing will be sent again

  SendQueue& queue() { return queue_; }
  const SendQueue& queue() const { return queue_; }
  // The application may fill its queue to twice what the path takes, at most to this.
  void set_limit(std::size_t limit);

  Position una() const { return una_; }
  Position next_position() const { return next_; }
  Position sent_end() const { return probe_end_ > next_ ? probe_end_ : next_; }  // a probe's octet counted
  std::uint64_t window() const { return window_; }
  std::uint64_t window_max() const { return window_max_; }
  std::uint64_t in_flight() const { return board_.in_flight(); }
  std::uint64_t outstanding() const { return next_ - una_; }
  std::uint64_t bytes_retransmitted() const { return bytes_retransmitted_; }
  std::uint64_t segments_retransmitted() const { return segments_retransmitted_; }
  std::size_t mss() const { return mss_; }
  const Congestion& congestion() const { return *congestion_; }
  const RoundTrip& round_trip() const { return rtt_; }
  RoundTrip& round_trip() { return rtt_; }
  RecoveryPhase phase() const { return recovery_.phase(); }
  const std::optional<RateSample>& latest_rate() const { return latest_rate_; }
  std::size_t memory_used() const;

 private:
  Position end_to_send() const { return queue_.end() + (finishing_ ? 1 : 0); }
  Position window_edge() const { return window_from_ + window_; }
  bool take_sacks(const Acknowledgment& ack);  // true if a block reports a duplicate
  std::optional<Duration> sample_round_trip(const Acknowledgment& ack, bool una_moved, bool duplicate_reported,
                                            Instant now);
  AckSample make_sample(std::uint64_t delivered_bytes, std::optional<Duration> rtt, std::uint64_t in_flight_before,
                        Position una_before);
  void arm_after_ack(bool una_moved, Timers& timers, Instant now);
  Transmission describe(Position start, Position end) const;
  std::optional<Transmission> next_tail_probe(std::uint32_t timestamp, Timers& timers, Instant now);
  std::optional<Transmission> next_persist_probe(Timers& timers, Instant now);
  std::optional<Transmission> next_lost(std::uint32_t timestamp, Timers& timers, Instant now);
  std::optional<Transmission> next_new(Timers& timers, Instant now);
  Transmission send_new(std::uint64_t bytes, Timers& timers, Instant now);
  Transmission send_again(std::size_t index, std::uint64_t bytes, std::uint32_t timestamp, Timers& timers, Instant now);
  // What the congestion window and the pacer let go now of `wanted` bytes, in whole packets.
  std::uint64_t permitted(std::uint64_t wanted, Timers& timers, Instant now);
  void restart_after_idle(Instant now);
  void arm_after_sending(Timers& timers, Instant now);
  void arm_tail_probe(Timers& timers, Instant now);
  void arm_persist(Timers& timers, Instant now);
  void note_progress(Timers& timers, Instant now);

  SendQueue queue_;
  std::size_t mss_;
  std::size_t limit_;  // what the stack allows the queue
  bool started_ = false;
  bool finishing_ = false;        // the application's FIN follows the last byte
  Position una_;                  // SND.UNA
  Position next_;                 // SND.NXT
  Position probe_end_ = 0;        // one past the octet of an unanswered zero-window probe
  std::uint64_t window_ = 0;      // SND.WND, from
  Position window_from_;          // the acknowledgment that told it (SND.WL2)
  Position window_sequence_ = 0;  // in the segment that told it (SND.WL1)
  std::uint64_t window_max_ = 0;
  bool sack_ = false;

  Scoreboard board_;
  Recovery recovery_;
  RoundTrip rtt_;
  RateSampler rate_;
  Pacer pacer_;
  std::unique_ptr<Congestion> congestion_;
  std::vector<Flight> delivered_;  // by the acknowledgment at hand
  std::optional<RateSample> latest_rate_;
  std::uint64_t round_end_ = 0;      // of the rate sampler's delivered count
  Position window_limited_end_ = 0;  // SND.NXT when the congestion window last held something back

  bool tail_probe_due_ = false;
  bool persist_probe_due_ = false;
  std::uint64_t attempts_ = 0;  // timeouts in a row without progress
  int persist_backoff_ = 0;
  Instant last_sent_at_{};
  std::uint64_t bytes_retransmitted_ = 0;
  std::uint64_t segments_retransmitted_ = 0;
};

}  // namespace quoin::netstack::tcp
