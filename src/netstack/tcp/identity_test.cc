// What tells one connection from another: sequence numbers, their start, TIME-WAIT, and the reset for none.
#include <gtest/gtest.h>

#include "netstack/tcp/isn.h"
#include "netstack/tcp/reset.h"
#include "netstack/tcp/sequence.h"
#include "netstack/tcp/state.h"
#include "netstack/tcp/time_wait.h"

namespace quoin::netstack::tcp {
namespace {

constexpr Instant start{hours(100)};

TEST(TcpSequence, unwraps_next_to_any_position) {
  for (const std::uint32_t initial : {0u, 1u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    const Position near = first_position(initial);
    for (const std::int64_t distance : {0l, 1l, -1l, 0x7fff'ffffl, -0x8000'0000l}) {
      const Position position = near + static_cast<Position>(distance);
      EXPECT_EQ(unwrap(near, on_wire(position)), position);
    }
  }
}

TEST(TcpSequence, compares_timestamps_across_the_wrap) {
  EXPECT_TRUE(timestamp_before(0xffff'fff0, 5));
  EXPECT_FALSE(timestamp_before(5, 0xffff'fff0));
  EXPECT_FALSE(timestamp_before(5, 5));
}

TEST(TcpInitialSequence, differs_by_flow_and_by_key_and_moves_on_with_time) {
  SeededRandom random(1);
  const InitialSequence one(random);
  const InitialSequence other(random);
  const Endpoint local = *Endpoint::parse("100.64.0.1:80");
  const Endpoint remote = *Endpoint::parse("100.64.0.2:40000");
  const Endpoint next_port = *Endpoint::parse("100.64.0.2:40001");
  const std::uint32_t first = one.sequence(local, remote, start);
  EXPECT_EQ(one.sequence(local, remote, start + microseconds(400)), first + 100);
  EXPECT_NE(one.sequence(local, next_port, start), first);
  EXPECT_NE(one.sequence(remote, local, start), first);
  EXPECT_NE(other.sequence(local, remote, start), first);
  EXPECT_EQ(one.timestamp_offset(local.address, remote.address), one.timestamp_offset(local.address, remote.address));
  EXPECT_NE(one.timestamp_offset(local.address, remote.address), other.timestamp_offset(local.address, remote.address));
}

TEST(TcpReset, answers_as_closed_does) {
  const auto of_syn = reset_for({.sequence = 0xffff'ffff, .flags = {.syn = true}});
  ASSERT_TRUE(of_syn);
  EXPECT_EQ(of_syn->flags, (Flags{.rst = true, .ack = true}));
  EXPECT_EQ(of_syn->sequence, 0u);
  EXPECT_EQ(of_syn->acknowledgment, 0u);
  const auto of_ack = reset_for({.sequence = 1, .acknowledgment = 77, .flags = {.ack = true}});
  ASSERT_TRUE(of_ack);
  EXPECT_EQ(of_ack->flags, (Flags{.rst = true}));
  EXPECT_EQ(of_ack->sequence, 77u);
  EXPECT_FALSE(reset_for({.flags = {.rst = true}}));
}

TEST(TcpState, knows_which_follow) {
  EXPECT_TRUE(may_follow(State::established, State::close_wait));
  EXPECT_FALSE(may_follow(State::established, State::time_wait));
  EXPECT_FALSE(may_follow(State::closed, State::closed));
  EXPECT_FALSE(may_follow(State::closed, State::established));
  EXPECT_FALSE(may_follow(State::time_wait, State::established));
}

TimeWait waiting(std::optional<std::uint32_t> timestamp = std::nullopt) {
  return TimeWait({.send_next = 500, .receive_next = 1'000, .window = 9, .timestamp_recent = timestamp}, start);
}

TEST(TcpTimeWait, lasts_a_minute_from_the_last_fin) {
  TimeWait wait = waiting();
  EXPECT_EQ(wait.expires(), start + minutes(1));
  const auto answer = wait.handle_segment({.sequence = 999, .flags = {.fin = true, .ack = true}}, start + seconds(30));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->sequence, 500u);
  EXPECT_EQ(answer->acknowledgment, 1'000u);
  EXPECT_EQ(wait.expires(), start + seconds(90));
}

TEST(TcpTimeWait, answers_a_flood_twice_a_second) {
  TimeWait wait = waiting();
  int answers = 0;
  for (int i = 0; i < 1'000; i++) {
    if (wait.handle_segment({.sequence = 5, .flags = {.ack = true}}, start + milliseconds(i))) answers++;
  }
  EXPECT_EQ(answers, 2);
}

TEST(TcpTimeWait, reopens_only_for_a_newer_syn) {
  const TimeWait plain = waiting();
  EXPECT_TRUE(plain.may_reopen({.sequence = 1'001, .flags = {.syn = true}}));
  EXPECT_FALSE(plain.may_reopen({.sequence = 1'000, .flags = {.syn = true}}));
  EXPECT_FALSE(plain.may_reopen({.sequence = 2'000, .flags = {.syn = true, .ack = true}}));
  EXPECT_FALSE(plain.may_reopen({.sequence = 2'000, .flags = {.ack = true}}));
  const TimeWait stamped = waiting(70);
  const auto syn = [](std::uint32_t sequence, std::uint32_t timestamp) {
    return Segment{
        .sequence = sequence, .flags = {.syn = true}, .options = {.timestamps = Timestamps{.value = timestamp}}};
  };
  EXPECT_TRUE(stamped.may_reopen(syn(3, 71)));
  EXPECT_FALSE(stamped.may_reopen(syn(2'000, 69)));
  EXPECT_TRUE(stamped.may_reopen(syn(2'000, 70)));
  EXPECT_FALSE(stamped.may_reopen(syn(3, 70)));
}

}  // namespace
}  // namespace quoin::netstack::tcp
