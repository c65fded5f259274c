// The receiving half of a connection: reassembly, what to acknowledge and when (RFC 9293, section 3.10.7.4; RFC 2018;
// RFC 2883; RFC 5681, section 4.2).
//
// Payload is copied once, into the ring, where it belongs; ranges that arrived early are remembered by their ends. The
// peer's FIN takes a position in the sequence but none in the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "netstack/tcp/options.h"
#include "netstack/tcp/receive_window.h"
#include "netstack/tcp/ring.h"
#include "netstack/tcp/sequence.h"
#include "netstack/tcp/timers.h"

namespace quoin::netstack::tcp {

class Receiver {
 public:
  static constexpr std::size_t early_ranges_max = 128;
  static constexpr std::size_t idle_bytes_kept = 65'536;  // of ring memory, when the ring is empty
  static constexpr Duration acknowledgment_delay = milliseconds(40);

  Receiver(std::size_t limit, std::size_t mss) : window_(limit, mss), mss_(mss) {}

  void start(std::uint32_t peer_sequence, std::uint8_t shift);  // of the peer's SYN

  // Takes what of the segment lies in the window. True if new bytes, or the FIN, became available in order.
  bool accept(Position start, std::span<const Bytes> payload, bool fin, std::size_t packet_bytes, Instant now,
              Timers& timers);

  // Whether an acknowledgment has to leave now; `acknowledged` says that one did, with any segment.
  bool acknowledgment_due() const { return acknowledge_now_; }
  void acknowledge_now() { acknowledge_now_ = true; }
  void acknowledged(Timers& timers);
  SackBlocks sack_blocks(std::size_t blocks_max);  // most recent first; a duplicate is reported once, in front
  std::uint16_t advertise() { return window_.advertise(next_, begin_); }

  std::array<Bytes, 2> readable() const { return ring_.read(begin_, readable_bytes()); }
  std::size_t readable_bytes() const { return static_cast<std::size_t>(bytes_end() - begin_); }
  void consume(std::size_t bytes, Instant now);
  void discard();  // nobody will read
  bool has_sack_to_send() const { return duplicate_.has_value() || !early_.empty(); }

  Position next() const { return next_; }  // RCV.NXT
  Position window_edge() const { return window_.edge(); }
  bool finished() const { return finished_; }  // the peer's FIN is in order: nothing follows
  std::uint64_t bytes_received() const { return bytes_end() - first_; }
  std::size_t largest_packet() const { return packet_bytes_; }  // payload, of those that came
  std::size_t memory_used() const;
  void release_idle_memory();
  ReceiveWindow& window() { return window_; }
  const ReceiveWindow& window() const { return window_; }

 private:
  struct Range {
    Position start;
    Position end;
  };
  Position bytes_end() const { return next_ - (finished_ ? 1 : 0); }
  void store(Position start, Position end, std::span<const Bytes> payload, std::size_t skip);
  void remember(Range range);  // as early
  void join_early();
  void note_recent(Position position);
  const Range* early_at(Position position) const;

  Ring ring_;
  ReceiveWindow window_;
  std::size_t mss_;
  std::size_t packet_bytes_ = 0;  // the largest packet seen, which counts as a full one
  Position first_ = 0;
  Position begin_ = 0;  // the first byte the reader has not consumed
  Position next_ = 0;
  std::optional<Position> fin_;  // where the peer's FIN stands, once seen
  bool finished_ = false;
  bool acknowledge_now_ = false;
  std::size_t unacknowledged_ = 0;                         // bytes in order since the last acknowledgment
  std::vector<Range> early_;                               // beyond next_, in order, never touching
  std::array<Position, SackBlocks::blocks_max> recent_{};  // a position in each of the ranges last added to
  std::optional<Range> duplicate_;
};

}  // namespace quoin::netstack::tcp
