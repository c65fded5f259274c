#include "netstack/segment_runs.h"

#include <gtest/gtest.h>

#include "netstack/stack_bench_test.h"

namespace quoin::netstack {
namespace {

using testing::header_of;

const FlowKey key{IpProtocol::tcp, {testing::our_v4, 80}, {testing::peer_v4, 40'000}};

struct Packet {
  tcp::Header header;
  std::string payload;
};
Packet data(std::uint32_t sequence, std::string payload, std::uint32_t acknowledgment = 7) {
  return {header_of({.ack = true}, sequence, acknowledgment), std::move(payload)};
}

// Whether the second packet joins the first.
bool joins(const Packet& first, const Packet& second, const FlowKey& of = key) {
  SegmentRun run;
  run.start(key, {first.header, bytes_of(first.payload)}, {});
  return run.join(of, {second.header, bytes_of(second.payload)});
}

TEST(SegmentRun, joins_neighbours_into_one_segment) {
  SegmentRun run;
  EXPECT_TRUE(run.empty());
  const Packet packets[] = {data(0xffff'fffe, "abcd"), data(2, "efgh", 8), data(6, "ij", 9)};
  run.start(key, {packets[0].header, bytes_of(packets[0].payload)}, {});
  EXPECT_EQ(run.segment().largest_packet, 0u);
  Packet last = packets[2];
  last.header.flags.psh = last.header.flags.fin = true;
  last.header.window = 99;
  ASSERT_TRUE(run.join(key, {packets[1].header, bytes_of(packets[1].payload)}));
  ASSERT_TRUE(run.join(key, {last.header, bytes_of(last.payload)}));
  EXPECT_FALSE(run.join(key, {data(8, "k").header, bytes_of("k")})) << "nothing follows a FIN";
  const tcp::Segment segment = run.segment();
  EXPECT_EQ(segment.sequence, 0xffff'fffeu);
  EXPECT_EQ(segment.acknowledgment, 9u);
  EXPECT_EQ(segment.window, 99);
  EXPECT_TRUE(segment.flags.fin && segment.flags.psh && segment.flags.ack);
  EXPECT_EQ(segment.payload_bytes(), 10u);
  EXPECT_EQ(segment.payload.size(), 3u);
  EXPECT_EQ(segment.largest_packet, 4u);
  run.clear();
  EXPECT_TRUE(run.empty());
  EXPECT_FALSE(run.join(key, {packets[0].header, bytes_of(packets[0].payload)}));
}

TEST(SegmentRun, does_not_join_what_has_to_be_seen_on_its_own) {
  const Packet first = data(100, "abcd");
  EXPECT_TRUE(joins(first, data(104, "efgh")));
  EXPECT_FALSE(joins(first, data(105, "efgh"))) << "a hole";
  EXPECT_FALSE(joins(first, data(103, "efgh"))) << "an overlap";
  EXPECT_FALSE(joins(first, data(104, ""))) << "a bare acknowledgment";
  EXPECT_FALSE(joins(data(100, ""), data(100, "efgh"))) << "after a bare acknowledgment";
  EXPECT_FALSE(joins(first, data(104, "efgh", 6))) << "an acknowledgment that goes back";
  FlowKey other = key;
  other.remote.port++;
  EXPECT_FALSE(joins(first, data(104, "efgh"), other));
  for (const tcp::Flags flags : {tcp::Flags{.rst = true, .ack = true}, tcp::Flags{.syn = true, .ack = true},
                                 tcp::Flags{.syn = true}, tcp::Flags{}}) {
    Packet odd = data(104, "efgh");
    odd.header.flags = flags;
    EXPECT_FALSE(joins(first, odd)) << int(flags.byte());
    odd.header.sequence = 96;
    EXPECT_FALSE(joins(odd, first)) << int(flags.byte());
  }
  Packet with_sack = data(104, "efgh");
  with_sack.header.options.sack.add({1, 2});
  EXPECT_FALSE(joins(first, with_sack));
  Packet with_timestamps = data(104, "efgh");
  with_timestamps.header.options.timestamps = tcp::Timestamps{1, 2};
  EXPECT_FALSE(joins(first, with_timestamps));
}

}  // namespace
}  // namespace quoin::netstack
