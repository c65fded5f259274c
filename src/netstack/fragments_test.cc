// Fragments at the stack: what is whole is a datagram like any other; what is not reaches nobody, and who sent it hears
// so where that is possible.
#include "netstack/fragments_test.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "netstack/echo_requests.h"
#include "netstack/reassembly.h"
#include "netstack/wire/linux_packets_test.h"

namespace quoin::netstack {
namespace testing {

Buffer fragment_packet(const Fragment& fragment, Bytes payload) {
  const bool v4 = fragment.source.is_v4();
  Buffer packet(ip_header_bytes(fragment.source.version()) + (v4 ? 0 : ipv6_fragment_header_bytes));
  write_ip_header(packet, {.source = fragment.source,
                           .destination = fragment.destination,
                           .protocol = v4 ? fragment.protocol : std::uint8_t{44},
                           .payload_bytes = payload.size() + (v4 ? 0 : ipv6_fragment_header_bytes),
                           .identification = static_cast<std::uint16_t>(fragment.identification),
                           .dont_fragment = false,
                           .more_fragments = fragment.more,
                           .fragment_offset = fragment.offset});
  if (!v4) {
    Writer header(MutableBytes(packet).subspan(ipv6_header_bytes));
    header.u8(fragment.protocol);
    header.u8(0);
    header.u16(static_cast<std::uint16_t>(fragment.offset | (fragment.more ? 1 : 0)));
    header.u32(fragment.identification);
  }
  append(packet, payload);
  return packet;
}

std::vector<Buffer> fragments_of(const Buffer& packet, std::size_t bytes_each, std::uint32_t identification) {
  const IpPacket whole = parse_ip(packet).value();
  std::vector<Buffer> fragments;
  for (std::size_t at = 0; at < whole.payload.size(); at += bytes_each) {
    const Bytes part = whole.payload.subspan(at, std::min(bytes_each, whole.payload.size() - at));
    fragments.push_back(fragment_packet({.source = whole.source,
                                         .destination = whole.destination,
                                         .protocol = whole.protocol,
                                         .identification = identification,
                                         .offset = at,
                                         .more = at + part.size() < whole.payload.size()},
                                        part));
  }
  return fragments;
}

IpAddress other_of(const IpAddress& peer) {
  return *IpAddress::parse(peer.is_v4() ? "100.64.0.9" : "fd7a:115c:a1e0::9");
}

}  // namespace testing

namespace {

using namespace testing;

struct Ends {
  Endpoint peer;
  Endpoint ours;
};

class StackFragments : public ::testing::TestWithParam<Ends> {
 protected:
  bool v4() const { return GetParam().peer.address.is_v4(); }
  Buffer question(std::size_t bytes) const {
    Buffer data(bytes);
    SeededRandom(bytes).fill(data);
    return udp_packet(GetParam().peer, GetParam().ours, data);
  }
  std::uint64_t refused(FragmentRefusal why) const { return bench.stack.statistics().refused_for(why); }
  // Type and code of an ICMP message, and what it quotes.
  static std::string icmp(const Buffer& packet) {
    const IpPacket ip = parse_ip(packet).value();
    return std::to_string(std::to_integer<int>(ip.payload[0])) + "/" +
           std::to_string(std::to_integer<int>(ip.payload[1]));
  }
  Bench bench;
};

INSTANTIATE_TEST_SUITE_P(OverBoth, StackFragments,
                         ::testing::Values(Ends{{peer_v4, 40'000}, {our_v4, 161}},
                                           Ends{{peer_v6, 40'000}, {our_v6, 161}}));

TEST_P(StackFragments, a_datagram_in_fragments_arrives_as_one_and_not_before_it_is_whole) {
  auto fragments = fragments_of(question(4'000), 1'200);
  std::ranges::reverse(fragments);
  const Buffer last = fragments.back();
  fragments.pop_back();
  bench.deliver(fragments);
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.stack.flows(), 0u);
  bench.deliver(last);
  const auto incoming = bench.the<Incoming>();
  EXPECT_EQ(incoming.local, GetParam().ours);
  EXPECT_EQ(incoming.remote, GetParam().peer);
  ASSERT_TRUE(bench.stack.accept(incoming.flow, bench.now));
  EXPECT_EQ(bench.stack.receive_datagram(incoming.flow, bench.now)->size(), 4'000u);
  EXPECT_EQ(bench.stack.statistics().datagrams_reassembled, 1u);
}

TEST_P(StackFragments, a_long_question_that_is_refused_is_quoted_as_far_as_errors_go) {
  bench.deliver(fragments_of(question(9'000), 1'200));
  bench.stack.refuse(bench.the<Incoming>().flow, Refusal::port_unreachable);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].size(), v4() ? icmpv4_error_bytes_max : icmpv6_error_bytes_max);
  const auto error = read_unreachable(sent[0]);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->what, IcmpUnreachable::port);
  EXPECT_EQ(error->destination_port, 161);
}

TEST_P(StackFragments, a_connection_may_begin_in_fragments_if_its_header_is_whole_and_it_is_no_longer_than_a_packet) {
  const Endpoint& peer = GetParam().peer;
  const Endpoint web{GetParam().ours.address, 80};
  const tcp::Header syn = header_of({.syn = true}, 7);
  bench.deliver(fragments_of(syn_packet(peer, web, 7), 8, 1));
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(refused(FragmentRefusal::tiny), 3u);
  bench.deliver(fragments_of(tcp_packet(peer, web, syn, Buffer(2'000)), 1'024, 2));
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.stack.statistics().syn_too_long, 1u);
  bench.deliver(fragments_of(tcp_packet(peer, web, syn, Buffer(1'000)), 512, 3));
  EXPECT_EQ(bench.the<Incoming>().transport, Transport::tcp);
}

TEST_P(StackFragments, what_is_never_whole_is_told_after_thirty_seconds_to_who_sent_its_first_fragment) {
  auto fragments = fragments_of(question(4'000), 1'200);
  fragments.pop_back();
  bench.deliver(fragments);
  bench.deliver(fragments_of(question(3'000), 1'200, 2).back());
  bench.pass(seconds(29));
  EXPECT_TRUE(bench.sent().empty());
  bench.pass(seconds(1));
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(icmp(sent[0]), v4() ? "11/1" : "3/1");
  const Bytes quote = parse_ip(sent[0])->payload.subspan(icmp_header_bytes);
  EXPECT_TRUE(equal(quote, Bytes(fragments[0]).first(quote.size())));
  EXPECT_EQ(refused(FragmentRefusal::timed_out), 2u);
  EXPECT_TRUE(bench.events().empty());
  EXPECT_FALSE(bench.stack.poll_timeout());
}

TEST_P(StackFragments, an_overlap_reaches_nobody_and_is_not_answered) {
  auto fragments = fragments_of(question(4'000), 1'200);
  fragments.insert(fragments.begin() + 1, fragments_of(question(4'000), 800)[1]);
  bench.deliver(fragments);
  bench.pass(Reassembly::patience);
  EXPECT_TRUE(bench.events().empty());
  EXPECT_TRUE(bench.sent().empty());
  EXPECT_EQ(refused(FragmentRefusal::overlap), 1u);
  EXPECT_EQ(bench.stack.statistics().datagrams_reassembled, 0u);
}

TEST_P(StackFragments, more_than_may_be_under_way_is_told_and_answered_but_not_without_limit) {
  for (std::uint32_t i = 0; i < 1'000; i++) bench.deliver(fragments_of(question(4'000), 1'200, i).front());
  const std::size_t lost = 1'000 - Reassembly::datagrams_max;
  EXPECT_EQ(refused(FragmentRefusal::no_room), lost);
  const auto events = bench.events();
  ASSERT_EQ(events.size(), lost);
  EXPECT_EQ(std::get<IncomingLost>(events[0]).local, GetParam().ours);
  EXPECT_EQ(std::get<IncomingLost>(events[0]).remote, GetParam().peer);
  const auto sent = bench.sent();
  ASSERT_FALSE(sent.empty());
  EXPECT_LT(sent.size(), 100u);
  EXPECT_EQ(icmp(sent[0]), v4() ? "3/13" : "1/1");
  bench.deliver(fragments_of(question(4'000), 1'200, 5'000));
  EXPECT_EQ(bench.the<Incoming>().local, GetParam().ours) << "others still come through";
}

TEST_P(StackFragments, those_for_other_addresses_or_of_other_protocols_are_dropped) {
  const Ends ends = GetParam();
  bench.deliver(fragments_of(udp_packet(ends.peer, {other_of(ends.peer.address), 161}, Buffer(2'000)), 1'200));
  EXPECT_EQ(bench.stack.statistics().other_destination, 2u);
  bench.deliver(
      fragment_packet({.source = ends.peer.address, .destination = ends.ours.address, .protocol = 99}, Buffer(80)));
  EXPECT_EQ(bench.stack.statistics().unknown_protocol, 1u);
  EXPECT_FALSE(bench.stack.poll_timeout());
}

TEST_P(StackFragments, a_peer_that_lost_its_address_leaves_nothing_to_the_next) {
  const auto fragments = fragments_of(question(2'000), 1'200);
  bench.deliver(fragments[0]);
  bench.stack.forget_fragments_of(GetParam().peer.address);
  bench.deliver(fragments[1]);
  EXPECT_TRUE(bench.events().empty());
  bench.stack.set_addresses({});
  EXPECT_FALSE(bench.stack.poll_timeout());
}

TEST_P(StackFragments, an_echo_request_in_fragments_is_asked_for_with_all_its_bytes) {
  const Ends ends = GetParam();
  Buffer body(4 + 8'000);
  SeededRandom(3).fill(body);
  bench.deliver(fragments_of(icmp_echo_request(ends.peer.address, ends.ours.address, body), 1'200));
  if (!v4()) {  // where no answer of that length could go
    const auto lost = bench.the<EchoRequestLost>();
    EXPECT_EQ(lost.why, EchoLoss::too_large);
    const auto sent = bench.sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(icmp(sent[0]), "1/1");
    return;
  }
  const auto request = bench.the<EchoRequest>();
  EXPECT_EQ(request.bytes, 8'000u);
  bench.stack.answer_echo(request.echo);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 7u);
  Reassembly kernel;
  for (std::size_t i = 0; i < sent.size(); i++) {
    EXPECT_LE(sent[i].size(), 1'280u);
    const auto added = kernel.add(parse_fragment(sent[i]).value(), bench.now).value();
    ASSERT_EQ(added.has_value(), i + 1 == sent.size());
    if (added) EXPECT_EQ(to_hex(added->payload), to_hex(parse_ip(icmp_echo_reply(our_v4, peer_v4, body))->payload));
  }
}

TEST(StackFragmentsV4, waiting_echo_requests_hold_so_many_bytes) {
  Bench bench;
  const Buffer request = icmp_echo_request(peer_v4, our_v4, Buffer(4 + 65'507));
  for (std::uint32_t i = 0; i < 20; i++) bench.deliver(fragments_of(request, 1'256, i));
  std::size_t asked = 0, lost = 0;
  for (const auto& event : bench.events()) {
    asked += std::holds_alternative<EchoRequest>(event);
    lost += std::holds_alternative<EchoRequestLost>(event);
  }
  EXPECT_EQ(asked, EchoRequests::bytes_max / (4 + 65'507));
  EXPECT_EQ(asked + lost, 20u);
}

TEST(StackFragmentsV4, takes_what_linux_sends) {
  Bench bench;
  bench.stack.set_addresses({*IpAddress::parse("100.64.0.2"), *IpAddress::parse("fd7a:115c:a1e0::2")});
  for (const auto& packet : linux_packets()) {
    if (packet.verdict == "fragment") bench.deliver(packet.packet);
  }
  EXPECT_EQ(bench.stack.statistics().fragments_in, 4u);
  EXPECT_EQ(bench.stack.statistics().datagrams_reassembled, 2u);
  for (const auto& event : bench.events()) {
    const auto* incoming = std::get_if<Incoming>(&event);
    if (incoming == nullptr || !bench.stack.accept(incoming->flow, bench.now)) continue;
    EXPECT_EQ(bench.stack.receive_datagram(incoming->flow, bench.now)->size(), 1'500u);
  }
}

TEST(StackFragmentsV6, an_answer_over_the_mtu_cannot_leave_and_who_asked_hears_so) {
  Bench bench;
  bench.deliver(udp_packet({peer_v6, 40'000}, {our_v6, 161}, bytes_of("bulk")));
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  EXPECT_EQ(bench.stack.send_datagram(flow, Buffer(1'233), bench.now).error(), DatagramRefusal::too_large);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(read_unreachable(sent[0])->what, IcmpUnreachable::prohibited);
  EXPECT_EQ(read_unreachable(sent[0])->source_port, 40'000);
  EXPECT_TRUE(bench.stack.send_datagram(flow, Buffer(1'232), bench.now)) << "the flow goes on";
}

}  // namespace
}  // namespace quoin::netstack
