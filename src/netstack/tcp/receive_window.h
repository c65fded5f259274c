// How much the peer may send: the promised right edge and its growth (RFC 9293, section 3.8.6; RFC 7323, section 2).
//
// The edge that was promised never moves left: what was promised is accepted, even after the limit was lowered. The
// window starts at 64 KiB and grows to twice what the reader takes in a round trip, so that a fast reader on a long
// path is not held back and an idle or slow flow costs little.
//
// A scaled window is advertised in units. It is rounded up rather than let the edge slip left on the wire, as far as
// one unit beyond the limit; after that it is rounded down, which the peer may see as an edge that slips left by less
// than a unit while we accept up to the old one (RFC 7323, section 2.4).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "netstack/tcp/sequence.h"

namespace quoin::netstack::tcp {

class ReceiveWindow {
 public:
  static constexpr std::size_t window_bytes_first = 65'535;
  static constexpr std::uint8_t shift_offered = 8;  // windows up to just under 16 MiB

  ReceiveWindow(std::size_t limit, std::size_t mss);

  std::uint16_t first() const { return first_; }          // for the SYN, which is not scaled
  void start(Position receive_next, std::uint8_t shift);  // the handshake is done
  // The window field of a segment that acknowledges receive_next; what it says is promised from here on.
  std::uint16_t advertise(Position receive_next, Position consumed);
  // Whether the reader has made room worth an acknowledgment of its own: two segments, or half of the whole window.
  bool update_due(Position receive_next, Position consumed) const;

  void consumed(std::size_t bytes, Instant now);
  void round_trip(Duration sample);  // from the sender's estimate or echoed timestamps
  void set_limit(std::size_t limit);

  Position edge() const { return edge_; }     // nothing at or beyond it is accepted
  std::size_t size() const { return size_; }  // the present target
  std::uint8_t shift() const { return shift_; }

 private:
  Position free_edge(Position receive_next, Position consumed) const;

  std::size_t limit_;
  std::size_t size_;
  std::uint16_t first_;
  std::size_t mss_;
  Position edge_ = 0;
  std::uint8_t shift_ = 0;
  Duration round_trip_{0};
  Instant measured_since_{};
  std::size_t taken_ = 0;  // by the reader since measured_since_
  bool measuring_ = false;
};

}  // namespace quoin::netstack::tcp
