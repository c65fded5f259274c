#include "netstack/tcp/receive.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "netstack/tcp/sequence.h"

namespace quoin::netstack::tcp {
namespace {

constexpr std::size_t mss = 1'000;
constexpr std::uint32_t initial = 0xffff'ff00;  // wraps after 255 bytes
constexpr Position first = first_position(initial) + 1;

struct Taking {
  Receiver receiver{1 << 20, mss};
  Timers timers;
  Instant now{seconds(1)};
  Buffer stream;

  Taking() {
    receiver.start(initial, 8);
    SeededRandom random(3);
    stream.resize(200'000);
    random.fill(stream);
  }
  bool take(std::size_t from, std::size_t to, bool fin = false) {
    const std::array<Bytes, 1> payload{Bytes(stream).subspan(from, to - from)};
    return receiver.accept(first + from, payload, fin, to - from, now, timers);
  }
  std::vector<std::pair<std::size_t, std::size_t>> blocks(std::size_t count = 4) {
    std::vector<std::pair<std::size_t, std::size_t>> list;
    for (const SackBlock& block : receiver.sack_blocks(count).list()) {
      list.emplace_back(block.left - on_wire(first), block.right - on_wire(first));
    }
    return list;
  }
  Buffer read() {
    Buffer out;
    for (const Bytes part : receiver.readable()) append(out, part);
    receiver.consume(out.size(), now);
    return out;
  }
};

using Blocks = std::vector<std::pair<std::size_t, std::size_t>>;

TEST(TcpReceiver, puts_segments_in_order_whatever_their_order) {
  for (std::uint64_t seed = 0; seed < 50; seed++) {
    Taking taking;
    SeededRandom random(seed);
    Buffer got;
    while (got.size() < 30'000) {
      const std::size_t from = random.below(30'000);
      const std::size_t to = std::min<std::size_t>(30'000, from + random.below(3'000));
      taking.take(from, to);
      if (random.below(4) == 0) append(got, taking.read());
      if (random.below(40) == 0) taking.take(got.size(), std::min<std::size_t>(30'000, got.size() + 2'000));
    }
    EXPECT_TRUE(equal(got, Bytes(taking.stream).first(30'000)));
  }
}

TEST(TcpReceiver, reports_the_latest_block_first_and_repeats_earlier_ones) {
  Taking taking;
  taking.take(1'000, 2'000);
  EXPECT_EQ(taking.blocks(), (Blocks{{1'000, 2'000}}));
  taking.take(5'000, 6'000);
  EXPECT_EQ(taking.blocks(), (Blocks{{5'000, 6'000}, {1'000, 2'000}}));
  taking.take(3'000, 4'000);
  EXPECT_EQ(taking.blocks(), (Blocks{{3'000, 4'000}, {5'000, 6'000}, {1'000, 2'000}}));
  taking.take(2'000, 3'000);
  EXPECT_EQ(taking.blocks(), (Blocks{{1'000, 4'000}, {5'000, 6'000}}));
  EXPECT_EQ(taking.blocks(1), (Blocks{{1'000, 4'000}}));
  taking.take(0, 1'000);
  EXPECT_EQ(taking.blocks(), (Blocks{{5'000, 6'000}}));
}

TEST(TcpReceiver, reports_a_duplicate_once_before_the_blocks) {
  Taking taking;
  taking.take(0, 1'000);
  taking.take(2'000, 3'000);
  taking.take(0, 500);
  EXPECT_EQ(taking.blocks(), (Blocks{{0, 500}, {2'000, 3'000}}));
  EXPECT_EQ(taking.blocks(), (Blocks{{2'000, 3'000}}));
  taking.take(2'200, 2'400);
  EXPECT_EQ(taking.blocks(), (Blocks{{2'200, 2'400}, {2'000, 3'000}}));
}

TEST(TcpReceiver, acknowledges_at_once_out_of_order_when_a_hole_is_filled_and_on_fin) {
  Taking taking;
  const auto due = [&] {
    const bool is = taking.receiver.acknowledgment_due();
    taking.receiver.acknowledged(taking.timers);
    return is;
  };
  taking.take(0, 900);
  EXPECT_FALSE(due());
  taking.take(2'000, 2'900);
  EXPECT_TRUE(due());
  taking.take(900, 1'500);
  EXPECT_TRUE(due());
  taking.take(1'500, 2'000);
  EXPECT_TRUE(due());
  taking.take(2'900, 3'000, true);
  EXPECT_TRUE(due());
  EXPECT_TRUE(taking.receiver.finished());
}

TEST(TcpReceiver, counts_a_fin_in_the_sequence_and_not_in_the_bytes) {
  Taking taking;
  taking.take(100, 200, true);
  EXPECT_FALSE(taking.receiver.finished());
  EXPECT_TRUE(taking.take(0, 100));
  EXPECT_TRUE(taking.receiver.finished());
  EXPECT_EQ(taking.receiver.next(), first + 201);
  EXPECT_EQ(taking.receiver.readable_bytes(), 200u);
  EXPECT_EQ(taking.receiver.bytes_received(), 200u);
}

TEST(TcpReceiver, ignores_a_fin_that_contradicts_what_arrived) {
  Taking taking;
  taking.take(500, 600);
  taking.take(100, 200, true);
  taking.take(0, 500);
  EXPECT_FALSE(taking.receiver.finished());
  EXPECT_EQ(taking.receiver.readable_bytes(), 600u);
}

TEST(TcpReceiver, takes_nothing_beyond_the_window) {
  Taking taking;
  taking.take(0, 100'000);
  EXPECT_EQ(taking.receiver.readable_bytes(), 65'535u);
  taking.take(65'535, 70'000, true);
  EXPECT_EQ(taking.receiver.readable_bytes(), 65'535u);
  EXPECT_FALSE(taking.receiver.finished());
}

TEST(TcpReceiver, remembers_a_bounded_number_of_ranges) {
  Taking taking;
  for (std::size_t i = 1; i <= 2 * Receiver::early_ranges_max; i++) taking.take(i * 100, i * 100 + 50);
  taking.receiver.acknowledged(taking.timers);
  EXPECT_LE(taking.receiver.memory_used(), 65'536u + 256u * 16);
  // What was not remembered comes again; the rest is complete.
  for (std::size_t i = 0; i <= 2 * Receiver::early_ranges_max; i++) taking.take(i * 100, i * 100 + 100);
  const Buffer got = taking.read();
  EXPECT_TRUE(equal(got, Bytes(taking.stream).first(got.size())));
  EXPECT_EQ(got.size(), 2 * Receiver::early_ranges_max * 100 + 100);
}

TEST(TcpReceiveWindow, never_moves_its_edge_left_and_stays_within_a_unit_of_the_limit) {
  ReceiveWindow window(20'000, mss);
  window.start(first, 8);
  Position next = first;
  Position consumed = first;
  Position promised = window.edge();
  SeededRandom random(9);
  for (int i = 0; i < 100'000; i++) {
    next = std::min<Position>(next + random.below(700), promised);
    if (random.below(3) == 0) consumed = std::min<Position>(next, consumed + random.below(2'000));
    if (random.below(1'000) == 0) window.set_limit(4'000 + random.below(16'000));
    window.advertise(next, consumed);
    ASSERT_GE(window.edge(), promised);
    promised = window.edge();
    ASSERT_LE(promised - consumed, 20'000u + 256u);
  }
}

TEST(TcpReceiveWindow, grows_with_a_reader_that_takes_a_window_in_a_round_trip_and_stops_at_its_limit) {
  ReceiveWindow window(200'000, mss);
  window.start(first, 8);
  window.round_trip(milliseconds(50));
  Instant now{seconds(1)};
  window.consumed(60'000, now);
  now += milliseconds(50);
  window.consumed(60'000, now);
  EXPECT_EQ(window.size(), 2u * 65'535);
  for (int i = 0; i < 20; i++) {
    now += milliseconds(50);
    window.consumed(window.size(), now);
  }
  EXPECT_EQ(window.size(), 200'000u);
}

TEST(TcpReceiveWindow, does_not_grow_with_a_slow_reader) {
  ReceiveWindow window(1 << 20, mss);
  window.start(first, 8);
  window.round_trip(milliseconds(50));
  Instant now{seconds(1)};
  for (int i = 0; i < 1'000; i++) {
    now += milliseconds(500);
    window.consumed(60'000, now);
  }
  EXPECT_EQ(window.size(), ReceiveWindow::window_bytes_first);
}

TEST(TcpRing, keeps_its_bytes_in_place_when_it_grows) {
  Ring ring;
  const Position start = first;
  Buffer bytes(5'000);
  SeededRandom(4).fill(bytes);
  ring.reserve(start, start, start + 1'500);
  EXPECT_EQ(ring.capacity(), Ring::capacity_min);
  ring.write(start, Bytes(bytes).first(1'500));
  ring.reserve(start + 500, start + 1'500, start + 5'000);
  ring.write(start + 1'500, Bytes(bytes).subspan(1'500));
  Buffer got;
  for (const Bytes part : ring.read(start + 500, 4'500)) append(got, part);
  EXPECT_TRUE(equal(got, Bytes(bytes).subspan(500)));
}

}  // namespace
}  // namespace quoin::netstack::tcp
