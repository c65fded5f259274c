// The states of RFC 9293, section 3.3.2, and every legal transition between them. LISTEN is the stack's: a connection
// begins with a SYN that was accepted, or with one that it sends.
//
//     syn_sent ──▶ syn_received ──▶ established ──▶ close_wait ──▶ last_ack ──▶ closed
//        └───────────────▶──────────────┘  │
//                                          ▼
//                  fin_wait_1 ──▶ fin_wait_2 ──▶ time_wait ──▶ closed
//                      └──────▶ closing ────────────▲
#pragma once

#include <cstdint>
#include <string_view>

namespace quoin::netstack::tcp {

enum class State : std::uint8_t {
  syn_sent,
  syn_received,
  established,
  fin_wait_1,  // we finished first
  fin_wait_2,  // and the peer knows
  close_wait,  // the peer finished first
  closing,     // both at once
  last_ack,    // we finished second
  time_wait,
  closed,
};

constexpr bool may_follow(State from, State to) {
  if (to == State::closed) return from != State::closed;  // reset, given up, aborted, or over
  switch (from) {
    case State::syn_sent: return to == State::syn_received || to == State::established;
    case State::syn_received: return to == State::established || to == State::fin_wait_1;
    case State::established: return to == State::fin_wait_1 || to == State::close_wait;
    case State::fin_wait_1: return to == State::fin_wait_2 || to == State::closing || to == State::time_wait;
    case State::fin_wait_2: return to == State::time_wait;
    case State::close_wait: return to == State::last_ack;
    case State::closing: return to == State::time_wait;
    case State::last_ack:
    case State::time_wait:
    case State::closed: return false;
  }
  return false;
}

constexpr std::string_view name(State state) {
  switch (state) {
    case State::syn_sent: return "SYN-SENT";
    case State::syn_received: return "SYN-RECEIVED";
    case State::established: return "ESTABLISHED";
    case State::fin_wait_1: return "FIN-WAIT-1";
    case State::fin_wait_2: return "FIN-WAIT-2";
    case State::close_wait: return "CLOSE-WAIT";
    case State::closing: return "CLOSING";
    case State::last_ack: return "LAST-ACK";
    case State::time_wait: return "TIME-WAIT";
    case State::closed: return "CLOSED";
  }
  return "";
}

}  // namespace quoin::netstack::tcp
