// When a peer's session acts by itself (WireGuard paper, section 6). All of the protocol's times are in this file.
//
// The rest of the peer reports what happened; only this file knows what follows from it:
//
//   we sent data, nothing came back for 15 s            -> start a handshake: the session may be dead at the other end
//   we received data, sent nothing for 10 s             -> send a keepalive, so that the other end does not think so
//   we sent an initiation, no session within 5 s        -> send another; after 90 s of that, give up
//   no new session for 540 s (three times a key's life) -> erase all keys
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/random.h"
#include "base/time.h"

namespace quoin::wireguard {

constexpr Duration rekey_after_time = seconds(120);   // the initiator starts a new handshake when it sends after this
constexpr Duration reject_after_time = seconds(180);  // a session is neither sent on nor received on after this
constexpr Duration rekey_attempt_time = seconds(90);
constexpr Duration rekey_timeout = seconds(5);
constexpr Duration rekey_timeout_jitter_max = milliseconds(333);
constexpr Duration keepalive_timeout = seconds(10);
constexpr Duration no_reply_time = keepalive_timeout + rekey_timeout;
// When the initiator only receives, it starts the next handshake this late, so that the session does not run out.
constexpr Duration rekey_on_receive_time = reject_after_time - keepalive_timeout - rekey_timeout;
constexpr Duration erase_keys_time = 3 * reject_after_time;
constexpr Duration initiation_spacing_min = milliseconds(20);  // from one peer; closer ones are dropped

enum class Timer : std::uint8_t {
  erase_keys,            // when to forget all keys; first, so that it does not undo what the others do at the same time
  retransmit_handshake,  // when to send the initiation again
  send_keepalive,        // when to break our silence
  new_handshake,         // when to doubt the session
};
constexpr std::size_t timers = 4;

enum class TimerAction : std::uint8_t { send_initiation, give_up, send_keepalive, start_handshake, erase_keys };

class Timers {
 public:
  explicit Timers(Random& random) : random_(random) {}

  void data_sent(Instant now);           // a packet that is not a keepalive
  void data_received(Instant now);       // the same, authentic
  void any_authenticated_packet_sent();  // handshake messages too
  void keepalive_sent(Instant now);      // because the timer asked for it
  void any_authenticated_packet_received();
  void handshake_wanted(Instant now);       // by the owner's traffic or by doubt: the 90 s start anew
  void handshake_initiated(Instant now);    // an initiation left
  void handshake_postponed(Instant until);  // one is wanted, but the last is too fresh
  void handshake_complete();                // a session is confirmed
  void session_derived(Instant now);        // keys exist, confirmed or not

  std::optional<Instant> next() const;               // the earliest
  std::optional<TimerAction> take_due(Instant now);  // one at a time, until there is none

 private:
  std::optional<Instant>& at(Timer timer) { return deadlines_[static_cast<std::size_t>(timer)]; }
  Duration jitter();
  TimerAction fired(Timer timer, Instant now);

  Random& random_;
  std::array<std::optional<Instant>, timers> deadlines_;
  Instant attempt_started_;
  bool another_keepalive_ = false;  // more data came while a keepalive was already due
};

}  // namespace quoin::wireguard
