// One TCP connection as a pure value: segments, calls and time in; segments, events and the next deadline out
// (RFC 9293).
//
// After any call that is not const, drain poll_transmit and poll_event, then sleep until poll_timeout. What the system
// would call a socket option is in Config; ports, addresses and checksums are the caller's.
//
// A passive connection is made from a SYN that somebody else kept until the answer was known (`accept`). Opening
// actively is another archive (active_open.h), which hands in the one piece that knows SYN-SENT: a program that does
// not link it cannot start a connection.
//
// The state machine's reading of a segment is in arrival.cc, in the order of RFC 9293, section 3.10.7; what leaves is
// in transmit.cc; both halves of the data path are classes of their own (sender.h, receive.h).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "netstack/tcp/challenge.h"
#include "netstack/tcp/congestion.h"
#include "netstack/tcp/missing.h"
#include "netstack/tcp/receive.h"
#include "netstack/tcp/segment.h"
#include "netstack/tcp/sender.h"
#include "netstack/tcp/state.h"
#include "netstack/tcp/time_wait.h"
#include "netstack/tcp/timers.h"

namespace quoin::netstack::tcp {

enum class CloseReason : std::uint8_t {
  finished,   // both sides finished and all was delivered
  reset,      // by the peer
  refused,    // an active open was answered with a reset
  timed_out,  // no progress for too long, or the handshake was not completed
  aborted,    // by our own application, at once or when all was delivered
};

enum class EventKind : std::uint8_t {
  connected,      // the handshake is complete
  readable,       // there are bytes, and there were none or fewer when last said
  writable,       // there is room again, after the queue was full
  peer_finished,  // the peer's FIN is in order; bytes before it may still wait in readable()
  missing,        // what the peer has sent has not arrived, nor when it was sent again (missing.h)
  closed,         // the last event. The stack may drop the connection (see time_wait())
};

struct Event {
  EventKind kind;
  CloseReason reason = CloseReason::finished;  // of closed
  Missing::Report missing = {};                // of missing
  bool operator==(const Event&) const = default;
};

struct Keepalive {
  Duration idle = minutes(10);
  Duration interval = seconds(30);
  // While no packet of full size has come: asks this long after the last news as well, once, since the answer tells
  // what the peer has sent (missing.h).
  std::optional<Duration> early = {};
  int probes_max = 5;  // unanswered, after which the connection has timed out
};

struct Config {
  std::uint32_t initial_sequence = 0;  // isn.h
  std::uint32_t timestamp_offset = 0;  // isn.h
  std::size_t mss = 1'240;             // payload of our packets, options included: MTU less IP and TCP headers
  std::size_t receive_limit = std::size_t{4} << 20;  // bytes a receive window may grow to (at most 16 MiB)
  std::size_t send_limit = std::size_t{4} << 20;     // bytes the send queue may grow to
  CongestionKind congestion = CongestionKind::cubic;
  std::optional<Keepalive> keepalive{};
  Duration handshake_timeout = seconds(30);
  bool timestamps = true;
  bool sack = true;
  bool window_scale = true;
};

// A SYN waiting for an answer.
struct Syn {
  std::uint32_t sequence = 0;
  std::uint16_t window = 0;
  Options options{};

  static std::optional<Syn> from(const Segment& segment);  // none if it is not the SYN of a new connection
};

class Connection;

// What knows how to be in SYN-SENT; made by active_open.h only.
class Opening {
 public:
  virtual ~Opening() = default;
  virtual void handle_segment(Connection& connection, const Segment& segment, Instant now) = 0;
};

class Connection {
 public:
  static Connection accept(const Syn& syn, const Config& config, Instant now);
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;
  ~Connection() = default;

  void handle_segment(const Segment& segment, Instant now);
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const { return timers_.earliest(); }
  std::optional<Outgoing> poll_transmit(Instant now);
  std::optional<Event> poll_event();

  // The application's side. Spans stay valid until the next call that is not const.
  std::array<Bytes, 2> readable() const { return receiver_.readable(); }
  std::size_t readable_bytes() const { return receiver_.readable_bytes(); }
  void consume(std::size_t bytes, Instant now);
  bool peer_finished() const { return receiver_.finished(); }
  std::array<MutableBytes, 2> write_space(std::size_t wanted);  // empty after finish and when closed
  void commit(std::size_t bytes, Instant now);                  // of what write_space gave
  std::size_t write(Bytes bytes, Instant now);                  // write_space, copy, commit; how many fitted
  std::size_t writable_bytes() const;
  void finish(Instant now);  // our FIN follows what was written; reading goes on
  void abort(Instant now);   // a reset leaves, everything is dropped
  // The same once the peer has acknowledged everything that was written, or after `patience`. Nothing more is taken
  // from the application; what the peer still sends waits unread.
  void abort_when_delivered(Duration patience, Instant now);

  // The stack's side.
  void set_receive_limit(std::size_t bytes) { receiver_.window().set_limit(bytes); }
  void set_send_limit(std::size_t bytes) { sender_.set_limit(bytes); }
  void set_mss(std::size_t mss);  // the path carries less (RFC 8201): never raised
  void release_idle_memory();
  std::size_t memory_used() const;
  const std::optional<TimeWait>& time_wait() const { return time_wait_; }  // in TIME-WAIT

  State state() const { return state_; }
  bool closed() const { return close_reason_.has_value(); }  // the closed event was or will be told
  std::uint64_t bytes_received() const { return receiver_.bytes_received(); }
  std::uint64_t bytes_sent() const { return sender_.queue().bytes_acknowledged(); }  // and acknowledged
  const Sender& sender() const { return sender_; }
  const Receiver& receiver() const { return receiver_; }

 private:
  friend class SynSent;
  Connection(const Config& config, State state);

  // arrival.cc: RFC 9293, section 3.10.7.4, check by check
  struct Arrival;
  bool passes_timestamp_check(const Arrival& arrival, Instant now) const;
  bool acceptable(const Arrival& arrival) const;
  void handle_unacceptable(const Arrival& arrival, Instant now);
  void handle_reset(const Arrival& arrival, Instant now);
  void challenge(Instant now);
  void note_timestamp(const Arrival& arrival, Instant now);
  bool complete_handshake(const Arrival& arrival, Instant now);
  bool handle_acknowledgment(const Arrival& arrival, Instant now);
  void handle_text(const Arrival& arrival, Instant now);
  void after_our_finish(Instant now);   // our FIN is acknowledged
  void after_peer_finish(Instant now);  // theirs is in order

  // transmit.cc
  Outgoing segment(Position sequence, Instant now);  // with everything but payload
  Outgoing handshake_segment(Instant now);
  Outgoing acknowledgment(Instant now);
  Outgoing data_segment(const Sender::Transmission& transmission, Instant now);
  std::uint32_t timestamp(Instant now) const;
  std::optional<Duration> since_timestamp(std::uint32_t echo, Instant now) const;
  std::size_t payload_mss() const;

  void begin(Instant now);  // the SYN or SYN-ACK is to leave
  void negotiate(const Syn& peer, Instant now);
  void become_established(std::uint64_t window, Position sequence, Position acknowledgment, Instant now);
  void move_to(State state);
  void start_finish(Instant now);
  bool abort_if_delivered(Instant now);
  void enter_time_wait(Instant now);
  void close(CloseReason reason);
  void close_when_read();
  void note_writable();
  void handle_retransmit_timer(Instant now);
  void handle_keepalive_timer(Instant now);
  void arm_keepalive(Instant now);

  Config config_;
  State state_;
  std::unique_ptr<Opening> opening_;
  Sender sender_;
  Receiver receiver_;
  Timers timers_;
  ChallengeLimit challenges_;
  Missing missing_;
  std::optional<TimeWait> time_wait_;
  std::optional<Outgoing> answer_;  // a reset or an acknowledgment of TIME-WAIT: leaves first

  std::size_t peer_mss_ = 0;
  bool timestamps_ = false;  // negotiated, as the next two
  bool sack_ = false;
  bool window_scale_ = false;
  std::uint8_t peer_shift_ = 0;
  std::uint32_t timestamp_recent_ = 0;
  Instant timestamp_recent_at_{};
  Position acknowledged_ = 0;        // Last.ACK.sent
  std::uint32_t echo_measured_ = 0;  // the timestamp echo that last gave a round trip to the receiver

  bool handshake_due_ = false;  // the SYN or SYN-ACK has to leave
  int handshake_sent_ = 0;
  Instant handshake_sent_at_{};
  bool finish_wanted_ = false;
  bool abort_wanted_ = false;  // as soon as all is delivered
  bool over_ = false;          // finished on both sides; closed is told once everything is read
  bool keepalive_due_ = false;
  bool asked_early_ = false;  // since the last news
  int keepalives_unanswered_ = 0;
  bool was_full_ = false;  // the writer met the end of the queue

  bool event_connected_ = false;
  bool event_readable_ = false;
  bool event_writable_ = false;
  bool event_peer_finished_ = false;
  bool event_closed_ = false;
  std::optional<Missing::Report> event_missing_;
  std::optional<CloseReason> close_reason_;
};

}  // namespace quoin::netstack::tcp
