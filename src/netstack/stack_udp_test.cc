// The life of a UDP flow: the first datagrams wait, then both directions, then silence.
#include <algorithm>

#include <gtest/gtest.h>

#include "netstack/stack_bench_test.h"
#include "netstack/udp_flow.h"

namespace quoin::netstack {
namespace {

using namespace testing;

struct UdpCase {
  Endpoint peer;
  Endpoint ours;
};

class StackUdp : public ::testing::TestWithParam<UdpCase> {
 protected:
  void deliver(std::string_view text) { bench.deliver(udp_packet(GetParam().peer, GetParam().ours, bytes_of(text))); }
  FlowId accepted() {
    deliver("first");
    const FlowId flow = bench.the<Incoming>().flow;
    EXPECT_TRUE(bench.stack.accept(flow, bench.now));
    EXPECT_EQ(bench.the<Readable>().flow, flow);
    EXPECT_EQ(taken(flow), "first");
    return flow;
  }
  std::string taken(FlowId flow) {
    const auto datagram = bench.stack.receive_datagram(flow, bench.now);
    return datagram ? std::string(text_of(*datagram)) : "(none)";
  }
  Bench bench;
};

INSTANTIATE_TEST_SUITE_P(OverBoth, StackUdp,
                         ::testing::Values(UdpCase{{peer_v4, 40'000}, {our_v4, 161}},
                                           UdpCase{{peer_v6, 40'000}, {our_v6, 161}}));

TEST_P(StackUdp, waits_with_the_first_datagrams_until_the_owner_answers) {
  deliver("one");
  deliver("two");
  const Incoming incoming = bench.the<Incoming>();
  EXPECT_EQ(incoming.transport, Transport::udp);
  EXPECT_EQ(incoming.local, GetParam().ours);
  EXPECT_EQ(incoming.remote, GetParam().peer);
  EXPECT_EQ(taken(incoming.flow), "(none)") << "before it is accepted";
  EXPECT_EQ(bench.stack.send_datagram(incoming.flow, bytes_of("x"), bench.now).error(), DatagramRefusal::no_flow);
  ASSERT_TRUE(bench.stack.accept(incoming.flow, bench.now));
  EXPECT_EQ(bench.events().size(), 1u);  // Readable
  EXPECT_EQ(taken(incoming.flow), "one");
  EXPECT_EQ(taken(incoming.flow), "two");
  EXPECT_EQ(taken(incoming.flow), "(none)");
  EXPECT_TRUE(bench.sent().empty());
}

TEST_P(StackUdp, carries_datagrams_both_ways_empty_ones_too) {
  const FlowId flow = accepted();
  deliver("");
  EXPECT_EQ(bench.the<Readable>().flow, flow);
  EXPECT_EQ(taken(flow), "");
  ASSERT_TRUE(bench.stack.send_datagram(flow, bytes_of("answer"), bench.now));
  ASSERT_TRUE(bench.stack.send_datagram(flow, {}, bench.now));
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(to_hex(sent[0]), to_hex(udp_packet(GetParam().ours, GetParam().peer, bytes_of("answer"))));
  EXPECT_EQ(to_hex(sent[1]), to_hex(udp_packet(GetParam().ours, GetParam().peer, {})));
}

TEST_P(StackUdp, says_readable_once_until_something_is_taken) {
  const FlowId flow = accepted();
  deliver("a");
  deliver("b");
  EXPECT_EQ(bench.events().size(), 1u);
  deliver("c");
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(taken(flow) + taken(flow) + taken(flow) + taken(flow), "abc(none)");
  deliver("d");
  EXPECT_EQ(bench.events().size(), 1u);
}

TEST_P(StackUdp, drops_what_is_more_than_may_wait) {
  const FlowId flow = accepted();
  for (int i = 0; i < 200; i++) deliver("x");
  EXPECT_EQ(bench.stack.statistics().datagrams_in_dropped, 200u - DatagramQueue::datagrams_max);
  for (std::size_t i = 0; i < DatagramQueue::datagrams_max; i++) EXPECT_EQ(taken(flow), "x");
  EXPECT_EQ(taken(flow), "(none)");
}

TEST_P(StackUdp, tells_when_there_is_room_to_send_again) {
  const FlowId flow = accepted();
  int fitted = 0;
  while (bench.stack.send_datagram(flow, bytes_of("x"), bench.now)) fitted++;
  EXPECT_EQ(fitted, static_cast<int>(DatagramQueue::datagrams_max));
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.sent().size(), DatagramQueue::datagrams_max);
  EXPECT_EQ(bench.the<Writable>().flow, flow);
  EXPECT_TRUE(bench.stack.send_datagram(flow, bytes_of("x"), bench.now));
}

TEST_P(StackUdp, closes_when_nothing_has_passed_for_the_idle_time_of_its_port) {
  const FlowId flow = accepted();
  bench.pass(seconds(59));
  EXPECT_TRUE(bench.events().empty());
  deliver("still here");
  bench.events();
  bench.pass(seconds(59));
  ASSERT_TRUE(bench.stack.send_datagram(flow, bytes_of("so am I"), bench.now));
  bench.sent();
  bench.pass(seconds(59));
  EXPECT_TRUE(bench.events().empty());
  ASSERT_TRUE(bench.stack.poll_timeout());
  EXPECT_EQ(*bench.stack.poll_timeout(), bench.now + seconds(1));
  bench.pass(seconds(1));
  const Closed closed = bench.the<Closed>();
  EXPECT_EQ(closed.flow, flow);
  EXPECT_EQ(closed.why, CloseReason::idle);
  EXPECT_EQ(bench.stack.flows(), 0u);
  EXPECT_EQ(bench.stack.memory_bytes(), 0u);
  EXPECT_FALSE(bench.stack.poll_timeout());
  EXPECT_EQ(bench.stack.send_datagram(flow, bytes_of("late"), bench.now).error(), DatagramRefusal::no_flow);
  EXPECT_TRUE(bench.sent().empty());
}

TEST_P(StackUdp, idle_times_follow_the_port) {
  EXPECT_EQ(udp_idle_time(161), seconds(60));
  EXPECT_EQ(udp_idle_time(53), seconds(30));
  EXPECT_EQ(udp_idle_time(5353), seconds(30));
  EXPECT_EQ(udp_idle_time(9'100), seconds(120));
}

TEST_P(StackUdp, forgets_a_first_datagram_that_is_never_answered) {
  deliver("hello?");
  const FlowId flow = bench.the<Incoming>().flow;
  bench.pass(seconds(29));
  EXPECT_TRUE(bench.events().empty());
  bench.pass(seconds(1));
  EXPECT_EQ(bench.the<Closed>().why, CloseReason::timed_out);
  EXPECT_FALSE(bench.stack.accept(flow, bench.now));
  EXPECT_TRUE(bench.sent().empty());
  EXPECT_EQ(bench.stack.flows(), 0u);
}

TEST_P(StackUdp, refuses_with_an_error_that_quotes_the_datagram) {
  for (const auto& [refusal, what] :
       {std::pair(Refusal::port_unreachable, IcmpUnreachable::port), std::pair(Refusal::reset, IcmpUnreachable::port),
        std::pair(Refusal::host_unreachable, IcmpUnreachable::host),
        std::pair(Refusal::administratively_prohibited, IcmpUnreachable::prohibited)}) {
    const Buffer datagram = udp_packet(GetParam().peer, GetParam().ours, bytes_of("public"));
    bench.deliver(datagram);
    bench.stack.refuse(bench.the<Incoming>().flow, refusal);
    const auto sent = bench.sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(to_hex(sent[0]), to_hex(icmp_unreachable(what, parse_ip(datagram).value())));
    EXPECT_TRUE(bench.events().empty());
    EXPECT_EQ(bench.stack.flows(), 0u);
  }
  deliver("public");
  bench.stack.refuse(bench.the<Incoming>().flow, Refusal::silent);
  EXPECT_TRUE(bench.sent().empty());
  EXPECT_EQ(bench.stack.flows(), 0u);
}

TEST_P(StackUdp, passes_on_that_the_device_is_unreachable) {
  const FlowId flow = accepted();
  bench.stack.unreachable(flow, Refusal::host_unreachable);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  const auto error = read_unreachable(sent[0]);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->what, IcmpUnreachable::host);
  EXPECT_EQ(bench.stack.flows(), 0u);
}

TEST_P(StackUdp, passes_on_that_the_devices_port_is_unreachable) {
  const FlowId flow = accepted();
  bench.stack.unreachable(flow, Refusal::port_unreachable);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  const auto error = read_unreachable(sent[0]);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->what, IcmpUnreachable::port);
  EXPECT_EQ(error->source_port, GetParam().peer.port);
  EXPECT_EQ(error->destination_port, GetParam().ours.port);
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.stack.flows(), 0u);
}

TEST_P(StackUdp, ends_when_the_peer_says_that_its_port_is_gone) {
  const FlowId flow = accepted();
  const Buffer answer = udp_packet(GetParam().ours, GetParam().peer, bytes_of("answer"));
  const Buffer host = icmp_unreachable(IcmpUnreachable::host, parse_ip(answer).value());
  bench.deliver(host);
  EXPECT_TRUE(bench.events().empty()) << "a host that cannot be reached now may be reached later";
  bench.deliver(icmp_unreachable(IcmpUnreachable::port, parse_ip(answer).value()));
  const Closed closed = bench.the<Closed>();
  EXPECT_EQ(closed.flow, flow);
  EXPECT_EQ(closed.why, CloseReason::port_unreachable);
}

TEST_P(StackUdp, does_not_believe_an_error_from_another_host) {
  accepted();
  const Buffer answer = udp_packet(GetParam().ours, GetParam().peer, bytes_of("answer"));
  const IpAddress other = *IpAddress::parse(GetParam().ours.address.is_v4() ? "100.64.0.9" : "fd7a:115c:a1e0::9");
  IpPacket about = parse_ip(answer).value();
  about.destination = other;  // where the error comes from; the quote stays
  bench.deliver(icmp_unreachable(IcmpUnreachable::port, about));
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.stack.statistics().icmp_ignored, 1u);
}

TEST_P(StackUdp, closes_in_silence_when_the_owner_is_done) {
  const FlowId flow = accepted();
  bench.stack.close_datagrams(flow);
  EXPECT_TRUE(bench.events().empty());
  EXPECT_TRUE(bench.sent().empty());
  EXPECT_EQ(bench.stack.flows(), 0u);
  deliver("again");
  EXPECT_NE(bench.the<Incoming>().flow, flow);
}

TEST_P(StackUdp, closes_when_the_address_goes) {
  const FlowId flow = accepted();
  bench.stack.set_addresses({});
  const Closed closed = bench.the<Closed>();
  EXPECT_EQ(closed.flow, flow);
  EXPECT_EQ(closed.why, CloseReason::address_removed);
}

TEST(StackUdpRoom, leaves_places_to_connections) {
  const auto ask = [](Bench& bench, std::size_t times) {
    for (std::uint16_t port = 1'000; port < 1'000 + times; port++) {
      bench.deliver(udp_packet({peer_v4, port}, {our_v4, 161}, bytes_of("question")));
    }
    return bench.events();
  };
  const auto lost = [](const std::vector<StackEvent>& events) {
    return std::ranges::count_if(events, [](const auto& each) { return std::holds_alternative<IncomingLost>(each); });
  };
  Bench waiting({.pending_max = 16});
  EXPECT_EQ(lost(ask(waiting, 16)), 4);
  EXPECT_EQ(waiting.stack.statistics().pending_full, 4u);
  waiting.deliver(syn_packet({peer_v4, 1'000}, {our_v4, 80}, 1));
  EXPECT_EQ(waiting.the<Incoming>().transport, Transport::tcp);

  Bench all({.flows_max = 16});
  EXPECT_EQ(lost(ask(all, 16)), 2);
  EXPECT_EQ(all.stack.statistics().flows_full, 2u);
  all.deliver(syn_packet({peer_v4, 1'000}, {our_v4, 80}, 1));
  all.deliver(syn_packet({peer_v4, 1'001}, {our_v4, 80}, 1));
  EXPECT_EQ(lost(all.events()), 0);
  all.deliver(syn_packet({peer_v4, 1'002}, {our_v4, 80}, 1));
  EXPECT_EQ(lost(all.events()), 1);
}

TEST(StackUdpFragments, a_long_reply_leaves_as_ipv4_fragments_that_make_it_up_again) {
  Bench bench;
  const Endpoint peer{peer_v4, 40'000}, ours{our_v4, 161};
  bench.deliver(udp_packet(peer, ours, bytes_of("bulk")));
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  for (const std::size_t length : {1'253u, 1'500u, 4'096u, 30'000u, 65'507u}) {
    Buffer data(length);
    SeededRandom(length).fill(data);
    ASSERT_TRUE(bench.stack.send_datagram(flow, data, bench.now)) << length;
    Buffer made_up;
    std::optional<std::uint16_t> identification;
    const auto sent = bench.sent();
    for (std::size_t i = 0; i < sent.size(); i++) {
      ASSERT_LE(sent[i].size(), 1'280u);
      Reader reader(sent[i]);
      reader.skip(4);
      const std::uint16_t id = reader.u16();
      if (!identification) identification = id;
      EXPECT_EQ(id, *identification);
      const std::uint16_t flags_and_offset = reader.u16();
      EXPECT_EQ((flags_and_offset & 0x2000) != 0, i + 1 < sent.size()) << "more fragments";
      EXPECT_EQ(flags_and_offset & 0x4000, 0) << "don't fragment";
      EXPECT_EQ((flags_and_offset & 0x1fff) * 8u, made_up.size());
      if (i == 1) EXPECT_GE(made_up.size(), 80u);
      append(made_up, Bytes(sent[i]).subspan(20));
    }
    EXPECT_EQ(to_hex(ip_packet(our_v4, peer_v4, IpProtocol::udp, made_up)), to_hex(udp_packet(ours, peer, data)));
  }
  ASSERT_TRUE(bench.stack.send_datagram(flow, Buffer(1'252), bench.now));
  EXPECT_EQ(bench.sent().size(), 1u) << "just fits";
  EXPECT_EQ(bench.stack.send_datagram(flow, Buffer(65'508), bench.now).error(), DatagramRefusal::too_large);
}

TEST(StackUdpFragments, over_ipv6_a_long_reply_is_refused_and_counted) {
  Bench bench;
  bench.deliver(udp_packet({peer_v6, 40'000}, {our_v6, 161}, bytes_of("bulk")));
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  EXPECT_EQ(bench.stack.send_datagram(flow, Buffer(1'233), bench.now).error(), DatagramRefusal::too_large);
  EXPECT_EQ(bench.stack.statistics().datagrams_out_too_large, 1u);
  EXPECT_TRUE(read_unreachable(bench.sent().at(0))) << "who asked hears of it";
  ASSERT_TRUE(bench.stack.send_datagram(flow, Buffer(1'232), bench.now));
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].size(), 1'280u);
}

}  // namespace
}  // namespace quoin::netstack
