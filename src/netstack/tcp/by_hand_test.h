// A connection whose other end is played by hand, and the way into each state.
#pragma once

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "netstack/tcp/active_open.h"
#include "netstack/tcp/connection.h"

namespace quoin::netstack::tcp {

// Both numbers wrap with the first byte.
inline constexpr std::uint32_t our_initial = 0xffff'ffff;
inline constexpr std::uint32_t peer_initial = 0xffff'fffe;
inline constexpr Instant start{hours(1)};

// A connection and the other end's numbers, by hand.
struct ByHand {
  Connection tcp;
  std::uint32_t sequence = peer_initial;       // RCV.NXT of the connection
  std::uint32_t acknowledgment = our_initial;  // SND.NXT of the connection
  Instant now = start;
  std::vector<Outgoing> answers{};

  void drain() {
    while (const auto out = tcp.poll_transmit(now)) {
      answers.push_back(*out);
      if (!out->flags.rst && (out->payload_bytes() > 0 || out->flags.fin || out->flags.syn)) {
        acknowledgment =
            out->sequence + static_cast<std::uint32_t>(out->payload_bytes()) + out->flags.fin + out->flags.syn;
      }
    }
  }
  void arrive(Segment segment, std::size_t payload = 0) {
    static const Buffer text(100'000, std::byte{'x'});
    const std::array<Bytes, 1> pieces{Bytes(text).first(payload)};
    segment.payload = pieces;
    if (segment.window == 0) segment.window = 10'000;
    tcp.handle_segment(segment, now);
    answers.clear();
    drain();
  }
  void arrive_in_order(Flags flags, std::size_t payload = 0) {
    arrive({.sequence = sequence, .acknowledgment = acknowledgment, .flags = flags}, payload);
    sequence += static_cast<std::uint32_t>(payload) + flags.syn + flags.fin;
  }
};

inline Config plain() {
  return {.initial_sequence = our_initial, .timestamps = false};
}

inline ByHand in(State state, const Config& config = plain(), const Options& options = {}) {
  if (state == State::syn_sent) {
    ByHand hand{.tcp = connect(config, start)};
    hand.drain();
    return hand;
  }
  ByHand hand{
      .tcp = Connection::accept({.sequence = peer_initial, .window = 10'000, .options = options}, config, start),
      .sequence = peer_initial + 1};
  hand.drain();
  if (state == State::syn_received) return hand;
  hand.arrive_in_order({.ack = true});
  if (state == State::close_wait || state == State::last_ack) hand.arrive_in_order({.fin = true, .ack = true});
  if (state != State::established && state != State::close_wait) {
    const std::uint32_t before = hand.acknowledgment;
    hand.tcp.finish(hand.now);
    hand.drain();
    if (state == State::closing) {
      hand.acknowledgment = before;  // the peer's FIN crosses ours
      hand.arrive_in_order({.fin = true, .ack = true});
      hand.acknowledgment = before + 1;
    }
    if (state == State::fin_wait_2 || state == State::time_wait) hand.arrive_in_order({.ack = true});
    if (state == State::time_wait) hand.arrive_in_order({.fin = true, .ack = true});
  }
  while (hand.tcp.poll_event()) {
  }
  EXPECT_EQ(hand.tcp.state(), state);
  return hand;
}

inline constexpr Flags ack{.ack = true};
inline constexpr Flags fin{.fin = true, .ack = true};
inline constexpr Flags rst{.rst = true};
inline constexpr Flags rst_ack{.rst = true, .ack = true};
inline constexpr Flags syn{.syn = true};
inline constexpr Flags syn_ack{.syn = true, .ack = true};
}  // namespace quoin::netstack::tcp
