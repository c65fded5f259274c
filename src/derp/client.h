// A client of one relay, as a core over a byte stream that it does not own.
//
// The owner connects, speaks TLS and the HTTP upgrade, and gives this the stream's bytes, those read past the 101
// first. Packets that arrive are handed out in the receive buffer itself, to be decrypted there. Packets that leave
// are copied once, into a bounded queue; they may be queued before the login is done.
//
// Drive: after any call that is not const drain poll_event, write output(), sleep until poll_timeout. What poll_event
// points to is valid until the next call of another method. After Failed the connection is of no more use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "derp/frame.h"
#include "derp/frame_reader.h"
#include "derp/login.h"
#include "derp/send_queue.h"
#include "derp/token_bucket.h"

namespace quoin::derp {

constexpr Duration login_time_max = seconds(10);
constexpr Duration silence_max = seconds(120);  // the relay says something every 60 to 65 s
constexpr Duration ping_answer_time_max = seconds(3);

struct LoggedIn {
  RelayPublicKey relay;
  ServerInfo info;
};
struct Received {
  crypto::NodePublicKey source;  // as the relay authenticated it
  MutableBytes packet;
};
struct HealthChanged {
  std::string text;  // the relay's words, as they came; empty: healthy again
};
enum class ClientError : std::uint8_t {
  not_a_relay,    // the first frame was something else
  login_refused,  // the relay's answer did not open
  frame,          // a frame too large or malformed
  silent,         // no frame in time: at login, for 120 s, or after a ping of ours
};
struct Failed {
  ClientError why;
};
using ClientEvent = std::variant<LoggedIn, Received, PeerGone, HealthChanged, Restarting, Failed>;

class Client {
 public:
  Client(crypto::NodePrivateKey key, Random& random, Instant now);

  // The stream is there: the time for the login counts from now, not from birth. For an owner that makes the client
  // first, so that packets can wait in it while the connection is made.
  void stream_opened(Instant now);

  // Bytes in: read into receive_space(), then say how many; or have them copied.
  MutableBytes receive_space();
  void handle_received(std::size_t bytes, Instant now);
  // Copies as much as fits and gives back the rest: drain poll_event, then call again with it.
  [[nodiscard]] Bytes handle_bytes(Bytes bytes, Instant now);

  // Packets out. A packet over the relay's rate limit or over packet_bytes_max is dropped and counted.
  void send_packet(const crypto::NodePublicKey& destination, Bytes packet, Instant now);
  // A run of neighbours, each segment_bytes long (the last may be shorter): one frame each.
  void send_packets(const crypto::NodePublicKey& destination, Bytes segments, std::size_t segment_bytes, Instant now);
  void note_preferred(bool is_home);  // the last word counts
  void ping(Instant now);             // after a change of network: fails if nothing answers within 3 s

  // Bytes out. What output() shows stays in place until sent() has covered it.
  Bytes output();
  void sent(std::size_t bytes);

  std::optional<ClientEvent> poll_event();
  std::optional<Instant> poll_timeout() const;
  void handle_timeout(Instant now);

  bool is_logged_in() const { return state_ == State::logged_in; }
  std::size_t waiting_bytes() const { return queue_.waiting_packet_bytes(); }  // of packets, for back-pressure
  std::uint64_t packets_dropped() const { return queue_.packets_dropped() + packets_over_limit_; }

 private:
  enum class State : std::uint8_t { awaits_server_key, awaits_server_info, logged_in, failed };

  std::optional<ClientEvent> handle(const Frame& frame);
  std::optional<ClientEvent> handle_server_key(const Frame& frame);
  std::optional<ClientEvent> handle_server_info(const Frame& frame);
  std::optional<ClientEvent> handle_steady(const Frame& frame);
  ClientEvent fail(ClientError why);
  void append_due_control();

  State state_ = State::awaits_server_key;
  std::optional<crypto::NodePrivateKey> key_;  // until the login is done
  RelayPublicKey relay_;
  Random& random_;
  FrameReader reader_;
  SendQueue queue_;
  std::optional<TokenBucket> limit_;
  std::uint64_t packets_over_limit_ = 0;
  Instant now_;                    // of the last bytes that arrived
  Instant deadline_;               // for the login, then for the next frame
  std::optional<Failed> failure_;  // not yet told

  // Control frames that are due, at most one of each kind.
  std::optional<bool> preferred_due_;
  std::optional<PingBytes> pong_due_;
  bool ping_due_ = false;
  struct Awaited {
    PingBytes bytes;
    Instant until;
  };
  std::optional<Awaited> awaited_pong_;
};

}  // namespace quoin::derp
