#include "netstack/time_wait_table.h"

#include <gtest/gtest.h>

namespace quoin::netstack {
namespace {

const IpAddress ours = IpAddress::v4(0x64400001), other = IpAddress::v4(0x64400009);

FlowKey key_of(std::uint32_t number, const IpAddress& local = ours) {
  return {6, {local, 80}, {IpAddress::v4(0x64400002), static_cast<std::uint16_t>(number)}};
}
tcp::TimeWait wait_from(Instant now) {
  tcp::TimeWait::Last last;
  last.send_next = 1'000;
  last.receive_next = 2'000;
  last.window = 500;
  return {last, now};
}

TEST(TimeWaitTable, remembers_for_a_minute_and_forgets) {
  SeededRandom random(1);
  TimeWaitTable table(random);
  const Instant begun{seconds(10)};
  EXPECT_FALSE(table.poll_timeout());
  table.add(key_of(1), wait_from(begun));
  EXPECT_EQ(table.poll_timeout(), begun + tcp::TimeWait::length);
  table.handle_timeout(begun + seconds(59));
  EXPECT_NE(table.find(key_of(1)), nullptr);
  table.handle_timeout(begun + seconds(60));
  EXPECT_EQ(table.find(key_of(1)), nullptr);
  EXPECT_FALSE(table.poll_timeout());
}

TEST(TimeWaitTable, a_repeated_finish_is_acknowledged_and_waits_anew) {
  SeededRandom random(1);
  TimeWaitTable table(random);
  const Instant begun{seconds(10)};
  table.add(key_of(1), wait_from(begun));
  tcp::Segment finish;
  finish.sequence = 1'999;
  finish.acknowledgment = 1'000;
  finish.flags = {.fin = true, .ack = true};
  const auto answer = table.handle_segment(key_of(1), finish, begun + seconds(30));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->sequence, 1'000u);
  EXPECT_EQ(answer->acknowledgment, 2'000u);
  EXPECT_EQ(table.poll_timeout(), begun + seconds(90));
  EXPECT_FALSE(table.handle_segment(key_of(2), finish, begun));
}

TEST(TimeWaitTable, when_full_the_one_that_waited_longest_goes) {
  SeededRandom random(1);
  TimeWaitTable table(random);
  for (std::uint32_t i = 0; i <= TimeWaitTable::waiting_max; i++) {
    table.add(key_of(i + 1), wait_from(Instant{milliseconds(i)}));
  }
  EXPECT_EQ(table.size(), TimeWaitTable::waiting_max);
  EXPECT_EQ(table.find(key_of(1)), nullptr);
  EXPECT_NE(table.find(key_of(2)), nullptr);
}

TEST(TimeWaitTable, forgets_an_address_that_is_gone) {
  SeededRandom random(1);
  TimeWaitTable table(random);
  table.add(key_of(1), wait_from(Instant{}));
  table.add(key_of(1, other), wait_from(Instant{}));
  table.remove_address(ours);
  EXPECT_EQ(table.find(key_of(1)), nullptr);
  EXPECT_NE(table.find(key_of(1, other)), nullptr);
}

}  // namespace
}  // namespace quoin::netstack
