#include "netstack/tcp/active_open.h"

#include "netstack/tcp/arrival.h"
#include "netstack/tcp/reset.h"

namespace quoin::netstack::tcp {

// RFC 9293, section 3.10.7.3.
class SynSent final : public Opening {
 public:
  static Connection connect(const Config& config, Instant now) {
    Connection connection(config, State::syn_sent);
    connection.opening_ = std::make_unique<SynSent>();
    connection.begin(now);
    return connection;
  }

  void handle_segment(Connection& connection, const Segment& segment, Instant now) override {
    const Flags& flags = segment.flags;
    const Position acknowledgment = unwrap(connection.sender_.una(), segment.acknowledgment);
    if (flags.ack && acknowledgment != connection.sender_.next_position()) {
      connection.answer_ = reset_for(segment);
      return;
    }
    if (flags.rst) {
      if (flags.ack) connection.close(CloseReason::refused);
      return;
    }
    if (!flags.syn) return;
    connection.negotiate({.sequence = segment.sequence, .window = segment.window, .options = segment.options}, now);
    if (!flags.ack) {  // both opened at once
      connection.move_to(State::syn_received);
      connection.handshake_due_ = true;
      return;
    }
    const Position start = first_position(segment.sequence);
    connection.become_established(segment.window, start, acknowledgment, now);
    connection.receiver_.acknowledge_now();
    // The rest of the segment comes after the SYN.
    Segment rest = segment;
    rest.flags.syn = false;
    rest.sequence++;
    connection.handle_text({.segment = rest, .start = start + 1, .payload = rest.payload_bytes()}, now);
  }
};

Connection connect(const Config& config, Instant now) {
  return SynSent::connect(config, now);
}

}  // namespace quoin::netstack::tcp
