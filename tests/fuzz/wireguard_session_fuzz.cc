// Plays operations on two Interfaces and the wire between them: send, deliver, lose, repeat, reorder, flip a bit, wait,
// sleep, restart, remove and add a peer.
//
// What must hold whatever is played: a packet arrives at most once and as it was sent; a timer that has fired is not
// due again at once; and when the wire is kind again, packets pass both ways.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "wireguard/two_nodes.h"

namespace quoin::wireguard {
namespace {

void check(bool held) {
  if (!held) std::abort();
}

constexpr std::size_t in_flight_max = 64;
constexpr std::size_t operations_max = 256;

class Game {
 public:
  explicit Game(Bytes input) : input_(input) {
    nodes_.lose = [this](const TestNode&, const Buffer&) { return full(); };
  }

  void play() {
    for (std::size_t i = 0; i < operations_max && input_.remaining() >= 2; i++) {
      const std::uint8_t operation = input_.u8();
      const std::uint8_t argument = input_.u8();
      step(operation, argument);
      verify();
    }
    the_wire_is_kind_again();
  }

 private:
  bool full() const { return nodes_.wire.size() >= in_flight_max; }
  TestNode& node(std::uint8_t argument) { return argument % 2 == 0 ? nodes_.a : nodes_.b; }
  std::size_t pick(std::uint8_t argument) const { return argument % nodes_.wire.size(); }

  // A packet that no other equals: its number is in its last bytes.
  void send(TestNode& from, std::uint8_t size) {
    Buffer packet = ipv4_packet(from.inner, nodes_.other(from).inner, 28 + size);
    Writer(MutableBytes(packet).last(8)).u64(next_packet_++);
    sent_.insert(packet);
    nodes_.send(from, packet);
  }

  void step(std::uint8_t operation, std::uint8_t argument) {
    switch (operation % 13) {
      case 0:
      case 1: return send(node(argument), argument / 2);
      case 2:
      case 3: return deliver_first();
      case 4:  // out of order
        if (!nodes_.wire.empty()) {
          InFlight message = nodes_.wire[pick(argument)];
          nodes_.wire.erase(nodes_.wire.begin() + static_cast<std::ptrdiff_t>(pick(argument)));
          nodes_.deliver(std::move(message));
        }
        return;
      case 5:  // lost
        if (!nodes_.wire.empty()) nodes_.wire.erase(nodes_.wire.begin() + static_cast<std::ptrdiff_t>(pick(argument)));
        return;
      case 6:  // twice
        if (!nodes_.wire.empty() && !full()) nodes_.wire.push_back(nodes_.wire[pick(argument)]);
        return;
      case 7:  // damaged
        if (!nodes_.wire.empty()) {
          Buffer& datagram = nodes_.wire.front().datagram;
          datagram[argument * 7U % datagram.size()] ^= static_cast<std::byte>(1U << (argument % 8));
        }
        return;
      case 8: return wait(milliseconds(argument) * 10);
      case 9: return wait(seconds(argument));
      case 10:  // nobody runs for a while, then the wire is faster than the timers
        return nodes_.freeze(seconds(argument) * 3);
      case 11: return restart(node(argument));
      case 12: return odd_calls(node(argument), argument);
    }
  }

  void deliver_first() {
    if (nodes_.wire.empty()) return;
    InFlight message = std::move(nodes_.wire.front());
    nodes_.wire.pop_front();
    nodes_.deliver(std::move(message));
  }

  // Time passes up to each timer; the wire stands still.
  void wait(Duration by) {
    const Instant end = nodes_.now + by;
    for (int rounds = 0;; rounds++) {
      check(rounds < 1000);  // timers are seconds apart
      std::optional<Instant> next;
      for (TestNode* each : {&nodes_.a, &nodes_.b}) {
        const auto due = each->interface->poll_timeout();
        if (due && (!next || *due < *next)) next = due;
      }
      if (!next || *next > end) break;
      nodes_.now = std::max(nodes_.now, *next);
      fire();
    }
    nodes_.now = end;
  }
  void fire() {
    for (TestNode* each : {&nodes_.a, &nodes_.b}) {
      each->interface->handle_timeout(nodes_.now);
      nodes_.collect(*each);
      const auto due = each->interface->poll_timeout();
      check(!due || *due > nodes_.now);
    }
  }

  void restart(TestNode& which) {
    which.restart(nodes_.now);
    nodes_.introduce(which, nodes_.other(which));
    nodes_.collect(which);
  }

  void odd_calls(TestNode& which, std::uint8_t argument) {
    if (argument < 64) {
      which.interface->start_handshake(which.peer, nodes_.now);
    } else if (argument < 128) {
      which.interface->reset_session(which.peer, nodes_.now - seconds(argument - 64), nodes_.now);
    } else {
      which.interface->remove_peer(which.peer);
      nodes_.introduce(which, nodes_.other(which));
    }
    nodes_.collect(which);
  }

  void verify() {
    for (TestNode* each : {&nodes_.a, &nodes_.b}) {
      for (const Buffer& packet : each->delivered) check(sent_.erase(packet) == 1);
      each->delivered.clear();
      each->events.clear();
    }
    nodes_.sent_log.clear();
  }

  void the_wire_is_kind_again() {
    nodes_.wire.clear();
    nodes_.lose = nullptr;
    // A peer that was removed and added has forgotten what it accepted, and a sleep may have left sessions on one side
    // only: within the time to doubt a session and to repeat a handshake all of that is settled.
    for (int i = 0; i < 12; i++) {
      send(nodes_.a, 1);
      send(nodes_.b, 1);
      nodes_.advance(seconds(5));
      verify();
    }
    const std::uint64_t first = next_packet_;
    send(nodes_.a, 2);
    send(nodes_.b, 2);
    nodes_.advance(seconds(1));
    verify();
    for (const Buffer& packet : sent_) check(Reader(Bytes(packet).last(8)).u64() < first);
  }

  Reader input_;
  TwoNodes nodes_;
  std::set<Buffer> sent_;  // and not yet delivered
  std::uint64_t next_packet_ = 0;
};

}  // namespace
}  // namespace quoin::wireguard

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quoin::wireguard::Game(std::as_bytes(std::span(data, size))).play();
  return 0;
}
