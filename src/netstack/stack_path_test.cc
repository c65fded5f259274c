// Paths that carry less than our own MTU: routers that say so are believed where they quote bytes in flight.
#include <algorithm>

#include <gtest/gtest.h>

#include "netstack/stack_bench_test.h"

namespace quoin::netstack {
namespace {

using namespace testing;

const Endpoint ours_v4{our_v4, 9'100}, ours_v6{our_v6, 9'100};
const Endpoint peer_at_v4{peer_v4, 50'000}, peer_at_v6{peer_v6, 50'000};
const IpAddress router_v4 = *IpAddress::parse("192.0.2.1");
const IpAddress router_v6 = *IpAddress::parse("2001:db8::1");

// A connection with so many bytes in flight, and the packets that carry them.
struct Sending {
  Bench bench;
  FlowId flow;
  std::vector<Buffer> packets;

  Sending(const Endpoint& ours, const Endpoint& peer, std::size_t bytes, StackConfig config = {}) : bench(config) {
    tcp::Header syn = header_of({.syn = true}, 100);
    syn.options.mss = 8'960;
    syn.options.sack_permitted = true;
    bench.deliver(tcp_packet(peer, ours, syn));
    flow = bench.the<Incoming>().flow;
    bench.stack.accept(flow, bench.now);
    const std::uint32_t first = read_tcp(bench.sent().at(0))->header.sequence;
    bench.deliver(tcp_packet(peer, ours, header_of({.ack = true}, 101, first + 1)));
    const Buffer text(bytes, std::byte{'x'});
    std::size_t written = 0;
    for (const MutableBytes part : bench.stack.write_space(flow)) {
      const std::size_t length = std::min(part.size(), bytes - written);
      std::ranges::copy(Bytes(text).first(length), part.begin());
      written += length;
    }
    bench.stack.commit(flow, written, bench.now);
    packets = bench.sent();
  }
};

std::size_t longest(const std::vector<Buffer>& packets) {
  return packets.empty() ? 0 : std::ranges::max(packets, {}, &Buffer::size).size();
}

TEST(StackPath, sends_what_is_in_flight_again_in_packets_that_a_narrow_path_carries) {
  Sending sending(ours_v4, peer_at_v4, 5'000);
  ASSERT_EQ(longest(sending.packets), 1'280u);
  sending.bench.deliver(too_big_packet(router_v4, 1'000, sending.packets[1]));
  const auto again = sending.bench.sent();
  EXPECT_EQ(longest(again), 1'000u);
  std::size_t bytes = 0;
  for (const Buffer& packet : again) bytes += read_tcp(packet)->payload.size();
  EXPECT_EQ(bytes, 5'000u);
  EXPECT_EQ(read_tcp(again[0])->header.sequence, read_tcp(sending.packets[0])->header.sequence);
  EXPECT_EQ(sending.bench.stack.statistics().icmp_errors_in, 1u);
}

TEST(StackPath, goes_no_lower_than_every_path_must_carry) {
  for (const std::size_t said : {0u, 68u, 575u}) {  // 0: a router that does not say how much it carries
    Sending sending(ours_v4, peer_at_v4, 5'000);
    sending.bench.deliver(too_big_packet(router_v4, said, sending.packets[0]));
    EXPECT_EQ(longest(sending.bench.sent()), 576u) << said;
  }
  StackConfig config;
  config.mtu = 1'500;
  Sending sending(ours_v6, peer_at_v6, 5'000, config);
  ASSERT_EQ(longest(sending.packets), 1'500u);
  sending.bench.deliver(too_big_packet(router_v6, 600, sending.packets[0]));
  EXPECT_EQ(longest(sending.bench.sent()), 1'280u);
}

TEST(StackPath, does_not_believe_who_quotes_no_bytes_in_flight) {
  Sending sending(ours_v4, peer_at_v4, 5'000);
  const std::uint32_t first = read_tcp(sending.packets[0])->header.sequence;
  for (const std::uint32_t sequence : {first - 1, first + 5'000, first + 100'000}) {
    const Buffer made_up = tcp_packet(ours_v4, peer_at_v4, header_of({.ack = true}, sequence));
    sending.bench.deliver(too_big_packet(router_v4, 600, made_up));
  }
  const Buffer other_flow = tcp_packet(ours_v4, {peer_v4, 50'001}, header_of({.ack = true}, first));
  sending.bench.deliver(too_big_packet(router_v4, 600, other_flow));
  EXPECT_TRUE(sending.bench.sent().empty());
  EXPECT_EQ(sending.bench.stack.statistics().icmp_ignored, 4u);
}

TEST(StackPath, does_not_raise_the_size_of_packets) {
  Sending sending(ours_v4, peer_at_v4, 5'000);
  sending.bench.deliver(too_big_packet(router_v4, 9'000, sending.packets[0]));
  EXPECT_TRUE(sending.bench.sent().empty());
}

}  // namespace
}  // namespace quoin::netstack
