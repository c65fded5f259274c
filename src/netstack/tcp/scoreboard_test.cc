#include "netstack/tcp/scoreboard.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::netstack::tcp {
namespace {

constexpr Position base = first_position(0xffff'fff0);
constexpr Instant now{seconds(1)};

struct Board {
  Scoreboard board{1'000};
  std::vector<Flight> delivered;

  std::uint64_t take_delivered() {
    std::uint64_t total = 0;
    for (const Flight& flight : delivered) total += flight.bytes();
    delivered.clear();
    return total;
  }
};

TEST(TcpScoreboard, splits_a_burst_only_between_packets) {
  Board b;
  b.board.sent(base, base + 10'000, now, {});
  b.board.sack(base + 2'500, base + 4'999, b.delivered);
  EXPECT_EQ(b.take_delivered(), 1'000u);
  EXPECT_EQ(b.board.size(), 3u);
  EXPECT_EQ(b.board.sacked(), 1'000u);
  EXPECT_EQ(b.board.in_flight(), 9'000u);
  EXPECT_EQ(b.board[1].start, base + 3'000);
}

TEST(TcpScoreboard, counts_nothing_twice) {
  Board b;
  b.board.sent(base, base + 4'000, now, {});
  b.board.sack(base + 2'000, base + 4'000, b.delivered);
  b.board.sack(base + 1'000, base + 4'000, b.delivered);
  EXPECT_EQ(b.take_delivered(), 3'000u);
  b.board.acknowledge(base + 4'000, b.delivered);
  EXPECT_EQ(b.take_delivered(), 1'000u);
  EXPECT_TRUE(b.board.empty());
  EXPECT_EQ(b.board.outstanding(), 0u);
}

TEST(TcpScoreboard, takes_what_is_lost_out_of_flight_until_it_is_sent_again) {
  Board b;
  b.board.sent(base, base + 4'000, now, {});
  b.board.mark_all_lost();
  EXPECT_EQ(b.board.in_flight(), 0u);
  EXPECT_EQ(b.board.first_lost(), 0u);
  b.board.resent(0, 1'000, now + seconds(1), {});
  EXPECT_EQ(b.board.in_flight(), 1'000u);
  EXPECT_EQ(b.board.lost(), 3'000u);
  EXPECT_EQ(b.board.first_lost(), 1u);
  EXPECT_TRUE(b.board[0].retransmitted);
  EXPECT_FALSE(b.board[1].retransmitted);
  b.board.mark_none_lost();
  EXPECT_EQ(b.board.in_flight(), 4'000u);
  EXPECT_EQ(b.board.first_lost(), b.board.size());
}

TEST(TcpScoreboard, forgets_what_the_peer_reneged_on) {
  Board b;
  b.board.sent(base, base + 4'000, now, {});
  b.board.sack(base, base + 2'000, b.delivered);
  b.board.forget_sacks();
  b.board.mark_all_lost();
  EXPECT_EQ(b.board.lost(), 4'000u);
}

TEST(TcpScoreboard, balances_whatever_happens) {
  SeededRandom random(7);
  Board b;
  Position una = base;
  Position next = base;
  std::uint64_t delivered = 0;
  for (int i = 0; i < 20'000; i++) {
    switch (random.below(6)) {
      case 0:
      case 1: {
        const Position end = next + 1 + random.below(9'000);
        if (b.board.full() || next - una > 500'000) break;
        b.board.sent(next, end, now, {});
        next = end;
        break;
      }
      case 2:
        una += random.below(next - una + 1);
        b.board.acknowledge(una, b.delivered);
        break;
      case 3: {
        const Position left = una + random.below(next - una + 1);
        b.board.sack(left, std::min(next, left + random.below(5'000)), b.delivered);
        break;
      }
      case 4:
        if (!b.board.empty()) b.board.mark_lost(random.below(b.board.size()));
        break;
      case 5:
        if (b.board.first_lost() < b.board.size()) b.board.resent(b.board.first_lost(), 1'000, now, {});
        break;
    }
    delivered += b.take_delivered();
    std::uint64_t in_flight = 0, sacked = 0, lost = 0;
    Position at = una;
    for (std::size_t k = 0; k < b.board.size(); k++) {
      const Flight& flight = b.board[k];
      ASSERT_EQ(flight.start, at);
      ASSERT_LT(flight.start, flight.end);
      at = flight.end;
      (flight.sacked ? sacked : flight.lost ? lost : in_flight) += flight.bytes();
    }
    ASSERT_EQ(at, next);
    ASSERT_EQ(in_flight, b.board.in_flight());
    ASSERT_EQ(sacked, b.board.sacked());
    ASSERT_EQ(lost, b.board.lost());
    ASSERT_EQ(delivered, una - base + sacked);
  }
}

}  // namespace
}  // namespace quoin::netstack::tcp
