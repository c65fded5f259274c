// Two stacks back to back: what one application writes is what the other reads, whatever the line does.
#include <gtest/gtest.h>

#include "netstack/two_stacks_test.h"

namespace quoin::netstack {
namespace {

using testing::Line;
using testing::Talk;
using testing::TwoStacks;

void expect_whole(const TwoStacks& world, std::uint64_t to_far, std::uint64_t to_near) {
  EXPECT_FALSE(world.stuck) << "a deadline stayed in the past";
  EXPECT_EQ(world.near_talks.size(), world.far_talks.size());
  for (const auto* talks : {&world.near_talks, &world.far_talks}) {
    const bool near = talks == &world.near_talks;
    for (const auto& [flow, talk] : *talks) {
      EXPECT_EQ(talk.read, near ? to_near : to_far);
      EXPECT_FALSE(talk.corrupt);
      EXPECT_TRUE(talk.peer_finished);
      EXPECT_EQ(talk.closed, std::vector{CloseReason::finished});
      EXPECT_EQ(talk.events_after_closed, 0);
    }
  }
  EXPECT_EQ(world.near.flows(), 0u);
  EXPECT_EQ(world.far.flows(), 0u);
  EXPECT_EQ(world.near.memory_bytes(), 0u);
  EXPECT_EQ(world.far.memory_bytes(), 0u);
  EXPECT_LE(world.most_memory, StackConfig().memory_bytes_max);
}

struct Road {
  const char* name;
  Line line;
};

class StackTransfer : public ::testing::TestWithParam<Road> {};

INSTANTIATE_TEST_SUITE_P(Over, StackTransfer,
                         ::testing::Values(Road{"a_clean_line", {}}, Road{"loss", {.loss_percent = 3}},
                                           Road{"reordering", {.reorder_percent = 10}},
                                           Road{"duplicates", {.duplicate_percent = 10}},
                                           Road{"everything", {milliseconds(30), 5, 5, 5}},
                                           Road{"hardly_anything_arriving", {milliseconds(5), 30, 0, 0}}),
                         [](const auto& info) { return info.param.name; });

TEST_P(StackTransfer, is_byte_exact_both_ways) {
  const bool bad = GetParam().line.loss_percent >= 30;
  const std::uint64_t bytes = bad ? 20'000 : 300'000;
  for (std::uint64_t seed = 1; seed <= 6; seed++) {
    SCOPED_TRACE(seed);
    TwoStacks world(seed, GetParam().line);
    world.connect(bytes, bytes / 2, seed % 2 == 0 ? "100.64.0.2" : "fd7a:115c:a1e0::2");
    ASSERT_TRUE(world.run(minutes(30)));
    expect_whole(world, bytes, bytes / 2);
  }
}

TEST(StackTransferMany, fifty_flows_at_once_are_each_whole) {
  TwoStacks world(1, {.loss_percent = 1, .reorder_percent = 1});
  for (int i = 0; i < 50; i++) world.connect(20'000, 60'000);
  ASSERT_TRUE(world.run(minutes(10)));
  expect_whole(world, 20'000, 60'000);
}

TEST(StackTransferMany, a_small_budget_is_kept_and_everything_still_arrives) {
  StackConfig config;
  config.memory_bytes_max = 2 << 20;
  TwoStacks world(2, {.reorder_percent = 5}, config);
  world.far_template.reads_per_wakeup = 8'000;
  world.far_template.pause = milliseconds(20);
  for (int i = 0; i < 40; i++) world.connect(100'000, 50'000);
  ASSERT_TRUE(world.run(minutes(30)));
  expect_whole(world, 100'000, 50'000);
  EXPECT_LE(world.most_memory, config.memory_bytes_max);
}

TEST(StackTransferMany, a_flow_is_not_opened_without_memory_for_it) {
  StackConfig config;
  config.memory_bytes_max = 64 << 10;
  TwoStacks world(2, {}, config);
  int opened = 0;
  while (ActiveOpen::connect(world.near, *Endpoint::parse("100.64.0.2:80"), world.now)) ASSERT_LT(++opened, 100);
  EXPECT_GT(opened, 5);
  EXPECT_LE(world.near.memory_bytes(), config.memory_bytes_max);
}

TEST(StackTransferMany, two_thousand_flows_find_room_though_each_writes_what_it_can) {
  TwoStacks world(2, {});
  const Endpoint far = *Endpoint::parse("100.64.0.2:80");
  for (int i = 0; i < 2'000; i++) {
    const auto flow = ActiveOpen::connect(world.near, far, world.now);
    ASSERT_TRUE(flow) << i;
    std::size_t room = 0;
    for (const MutableBytes part : world.near.write_space(*flow)) room += part.size();
    world.near.commit(*flow, room, world.now);
    EXPECT_GT(room, 0u) << i;
  }
  EXPECT_LE(world.near.memory_bytes(), StackConfig().memory_bytes_max);
}

TEST(StackTransferMany, a_reader_that_stalls_for_minutes_loses_nothing) {
  // A printer out of paper.
  TwoStacks world(3, {});
  world.far_template.reads_per_wakeup = 200'000;
  world.far_template.pause = minutes(4);
  world.connect(1'000'000, 0);
  ASSERT_TRUE(world.run(hours(2)));
  expect_whole(world, 1'000'000, 0);
}

TEST(StackTransferMany, the_same_seed_gives_the_same_packets) {
  std::uint64_t packets[2];
  for (std::uint64_t& count : packets) {
    TwoStacks world(4, {.loss_percent = 5, .reorder_percent = 5});
    world.connect(200'000, 200'000);
    ASSERT_TRUE(world.run(minutes(10)));
    count = world.packets;
  }
  EXPECT_EQ(packets[0], packets[1]);
}

class StackAnswers : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(OverBoth, StackAnswers, ::testing::Values("100.64.0.2", "fd7a:115c:a1e0::2"));

CloseReason reason_seen(TwoStacks& world, const char* remote) {
  const FlowId flow = world.connect(10, 10, remote);
  EXPECT_TRUE(world.run(minutes(10)));
  return world.near_talks[flow].closed.at(0);
}

TEST_P(StackAnswers, a_refused_open_is_seen_as_refused) {
  TwoStacks world(1, {});
  world.answer = TwoStacks::Answer::reset;
  EXPECT_EQ(reason_seen(world, GetParam()), CloseReason::refused);
}

TEST_P(StackAnswers, an_unreachable_device_is_seen_as_unreachable) {
  TwoStacks world(1, {});
  world.answer = TwoStacks::Answer::unreachable;
  EXPECT_EQ(reason_seen(world, GetParam()), CloseReason::unreachable);
}

TEST_P(StackAnswers, a_device_that_is_silent_is_seen_as_refused_when_the_wait_is_over) {
  TwoStacks world(1, {});
  world.answer = TwoStacks::Answer::silence;
  const Instant begun = world.now;
  const CloseReason why = reason_seen(world, GetParam());
  EXPECT_TRUE(why == CloseReason::refused || why == CloseReason::timed_out);
  EXPECT_LE(world.now - begun, seconds(31));
}

TEST(StackActiveOpen, needs_an_address_of_the_same_version_and_a_place) {
  SeededRandom random(1);
  StackConfig config;
  config.flows_max = 1;
  Stack stack(config, random, Instant{});
  const Endpoint remote = *Endpoint::parse("100.64.0.2:80");
  EXPECT_EQ(ActiveOpen::connect(stack, remote, Instant{}).error(), OpenRefusal::no_address);
  stack.set_addresses({*IpAddress::parse("100.64.0.1")});
  EXPECT_TRUE(ActiveOpen::connect(stack, remote, Instant{}));
  EXPECT_EQ(ActiveOpen::connect(stack, remote, Instant{}).error(), OpenRefusal::too_many);
}

TEST(StackActiveOpen, opens_datagrams_that_are_answered) {
  TwoStacks world(1, {});
  const Endpoint remote = *Endpoint::parse("100.64.0.2:161");
  const FlowId flow = ActiveOpen::open_datagrams(world.near, remote, world.now).value();
  ASSERT_TRUE(world.near.send_datagram(flow, bytes_of("question"), world.now));
  PacketBatch batch(1'280);
  ASSERT_TRUE(world.near.poll_transmit(batch, world.now));
  MutableBytes packet = batch.packet(0);
  world.far.handle_burst({&packet, 1}, world.now);
  const auto incoming = std::get<Incoming>(world.far.poll_event().value());
  EXPECT_EQ(incoming.local, remote);
  world.far.accept(incoming.flow, world.now);
  ASSERT_TRUE(world.far.send_datagram(incoming.flow, bytes_of("answer"), world.now));
  batch.clear();
  ASSERT_TRUE(world.far.poll_transmit(batch, world.now));
  packet = batch.packet(0);
  world.near.handle_burst({&packet, 1}, world.now);
  EXPECT_TRUE(std::holds_alternative<Readable>(world.near.poll_event().value()));
  EXPECT_EQ(text_of(*world.near.receive_datagram(flow, world.now)), "answer");
}

}  // namespace
}  // namespace quoin::netstack
