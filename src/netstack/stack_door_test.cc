// What the stack lets in: only packets for its own addresses, from possible sources, that mean one thing.
#include <algorithm>

#include <gtest/gtest.h>

#include "netstack/stack_bench_test.h"
#include "netstack/wire/checksum.h"
#include "netstack/wire/linux_packets_test.h"

namespace quoin::netstack {
namespace {

using namespace testing;

const Endpoint peer{peer_v4, 40'000};
const Endpoint ours{our_v4, 80};

// Nothing told, nothing sent, nothing kept.
void expect_nothing(Bench& bench, const std::string& what) {
  EXPECT_TRUE(bench.events().empty()) << what;
  EXPECT_TRUE(bench.sent().empty()) << what;
  EXPECT_EQ(bench.stack.flows(), 0u) << what;
  EXPECT_FALSE(bench.stack.poll_timeout()) << what;
}

TEST(StackDoor, counts_each_refusal_of_a_linux_packet_under_its_reason) {
  Bench bench;
  bench.stack.set_addresses({peer_v4, peer_v6});  // the packets are addressed to the kernel's peer
  for (const auto& packet : linux_packets()) {
    if (packet.verdict == "accept" || packet.verdict == "fragment") continue;
    bench.deliver(packet.packet);
    expect_nothing(bench, packet.name);
  }
  const StackStatistics& statistics = bench.stack.statistics();
  EXPECT_EQ(statistics.refused_for(IpRefusal::options), 1u);
  EXPECT_EQ(statistics.refused_for(IpRefusal::extension_header), 1u);
}

TEST(StackDoor, drops_what_is_for_another_address) {
  Bench bench;
  const char* others[] = {"100.64.0.3",
                          "127.0.0.1",
                          "0.0.0.0",
                          "192.168.77.21",
                          "169.254.169.254",
                          "224.0.0.1",
                          "255.255.255.255",
                          "100.100.100.100",
                          "::1",
                          "::",
                          "fe80::1",
                          "ff02::1",
                          "fd00:ec2::254",
                          "fd7a:115c:a1e0::3"};
  for (const char* text : others) {
    const IpAddress address = *IpAddress::parse(text);
    const IpAddress& source = address.is_v4() ? peer_v4 : peer_v6;
    bench.deliver(syn_packet({source, 40'000}, {address, 80}, 1));
    bench.deliver(udp_packet({source, 40'000}, {address, 161}, bytes_of("x")));
    bench.deliver(icmp_echo_request(source, address, from_hex("12340001").value()));
    expect_nothing(bench, text);
  }
  EXPECT_EQ(bench.stack.statistics().other_destination, 3 * std::size(others));
}

TEST(StackDoor, drops_sources_that_nobody_can_have) {
  Bench bench;
  const char* sources[] = {"100.64.0.1", "0.0.0.0",   "0.1.2.3",   "127.0.0.1",       "127.255.0.9",
                           "224.0.0.1",  "239.1.1.1", "240.0.0.1", "255.255.255.255", "fd7a:115c:a1e0::1",
                           "::",         "::1",       "ff02::1"};
  for (const char* text : sources) {
    const IpAddress source = *IpAddress::parse(text);
    const IpAddress& address = source.is_v4() ? our_v4 : our_v6;
    bench.deliver(syn_packet({source, 40'000}, {address, 80}, 1));
    expect_nothing(bench, text);
  }
  EXPECT_EQ(bench.stack.statistics().impossible_source, std::size(sources));
}

TEST(StackDoor, drops_protocols_it_does_not_know) {
  Bench bench;
  for (const std::uint8_t protocol : {2, 4, 33, 41, 47, 58, 94, 132, 255}) {  // 58 is ICMPv6, here over IPv4
    bench.deliver(ip_packet(peer_v4, our_v4, protocol, from_hex("0102030405060708").value()));
    expect_nothing(bench, std::to_string(protocol));
  }
  bench.deliver(ip_packet(peer_v6, our_v6, IpProtocol::icmp, from_hex("0800f7ff00000000").value()));
  expect_nothing(bench, "ICMP over IPv6");
  EXPECT_EQ(bench.stack.statistics().unknown_protocol, 10u);
}

TEST(StackDoor, drops_transport_headers_that_are_cut_or_wrong) {
  Bench bench;
  const std::vector<Buffer> whole = {syn_packet(peer, ours, 1), udp_packet(peer, ours, bytes_of("hello")),
                                     icmp_echo_request(peer_v4, our_v4, from_hex("1234000155").value())};
  std::uint64_t wrong = 0;
  for (const Buffer& packet : whole) {
    for (std::size_t bit = 20 * 8; bit < packet.size() * 8; bit++) {
      Buffer flipped = packet;
      flipped[bit / 8] ^= std::byte(1 << bit % 8);
      bench.deliver(flipped);
      wrong++;
    }
    const IpPacket ip = parse_ip(packet).value();
    for (std::size_t length = 0; length < ip.payload.size(); length++) {
      bench.deliver(ip_packet(peer_v4, our_v4, ip.protocol, ip.payload.first(length)));
      wrong++;
    }
  }
  expect_nothing(bench, "wrong headers");
  EXPECT_EQ(bench.stack.statistics().bad_transport, wrong);
}

TEST(StackDoor, drops_port_zero) {
  Bench bench;
  bench.deliver(syn_packet({peer_v4, 0}, ours, 1));
  bench.deliver(syn_packet(peer, {our_v4, 0}, 1));
  bench.deliver(udp_packet({peer_v4, 0}, {our_v4, 161}, bytes_of("x")));
  bench.deliver(udp_packet(peer, {our_v4, 0}, bytes_of("x")));
  expect_nothing(bench, "port 0");
  EXPECT_EQ(bench.stack.statistics().port_zero, 4u);
}

TEST(StackDoor, answers_a_tsmp_ping_and_ignores_the_rest_of_tsmp) {
  Bench bench;
  bench.deliver(ip_packet(peer_v4, our_v4, IpProtocol::tsmp, from_hex("700102030405060708").value()));
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  const auto pong = parse_ip(sent[0]);
  ASSERT_TRUE(pong);
  EXPECT_EQ(pong->destination, peer_v4);
  EXPECT_EQ(to_hex(pong->payload), "6f01020304050607080000");
  bench.deliver(ip_packet(peer_v4, our_v4, IpProtocol::tsmp, Bytes(Buffer(33, std::byte{'a'}))));
  expect_nothing(bench, "a disco key");
  EXPECT_EQ(bench.stack.statistics().tsmp_pings, 1u);
  EXPECT_EQ(bench.stack.statistics().tsmp_ignored, 1u);
}

TEST(StackDoor, answers_an_echo_only_when_the_owner_says_so) {
  for (const auto& [from, to] : {std::pair(peer_v4, our_v4), std::pair(peer_v6, our_v6)}) {
    Bench bench;
    Buffer body = from_hex("12340007").value();
    body.resize(4 + 1'200, std::byte{0x42});
    bench.deliver(icmp_echo_request(from, to, body));
    EXPECT_TRUE(bench.sent().empty());
    const auto request = bench.the<EchoRequest>();
    EXPECT_EQ(request.local, to);
    EXPECT_EQ(request.remote, from);
    EXPECT_EQ(request.bytes, 1'200u);
    bench.stack.answer_echo(request.echo);
    const auto sent = bench.sent();
    ASSERT_EQ(sent.size(), 1u);
    const IpPacket ip = parse_ip(sent[0]).value();
    const IcmpMessage reply = parse_icmp(ip).value();
    ASSERT_TRUE(std::holds_alternative<IcmpEcho>(reply));
    EXPECT_TRUE(std::get<IcmpEcho>(reply).reply);
    EXPECT_TRUE(equal(std::get<IcmpEcho>(reply).body, body));
    bench.stack.answer_echo(request.echo);
    EXPECT_TRUE(bench.sent().empty()) << "a request is answered once";
  }
}

TEST(StackDoor, keeps_a_bounded_number_of_unanswered_pings) {
  Bench bench;
  for (std::uint32_t i = 0; i < 1'000; i++) {
    Buffer body(4);
    Writer(body).u32(i);
    bench.deliver(icmp_echo_request(peer_v4, our_v4, body));
  }
  const auto events = bench.events();
  EXPECT_EQ(events.size(), 1'000u) << "those that are asked for, and those that were lost";
  EXPECT_EQ(std::ranges::count_if(events, [](const auto& each) { return std::holds_alternative<EchoRequest>(each); }),
            64);
  EXPECT_EQ(bench.stack.statistics().echo_requests_dropped, 1'000u - 64u);
  bench.stack.answer_echo(std::get<EchoRequest>(events.back()).echo);
  EXPECT_EQ(bench.sent().size(), 1u);
}

TEST(StackDoor, does_not_ask_for_an_echo_that_could_not_leave) {
  Bench bench;
  bench.deliver(icmp_echo_request(peer_v6, our_v6, Buffer(1'236)));  // 40 + 4 + 1236
  EXPECT_EQ(bench.events().size(), 1u);
  bench.deliver(icmp_echo_request(peer_v6, our_v6, Buffer(1'237)));
  const auto lost = bench.the<EchoRequestLost>();
  EXPECT_EQ(lost.remote, peer_v6);
  EXPECT_EQ(lost.why, EchoLoss::too_large);
  EXPECT_EQ(bench.stack.statistics().echo_requests_dropped, 1u);
}

TEST(StackDoor, ignores_echo_replies_and_unasked_errors) {
  Bench bench;
  bench.deliver(icmp_echo_reply(peer_v4, our_v4, from_hex("12340001").value()));
  const Buffer about = udp_packet({our_v4, 161}, peer, bytes_of("x"));
  bench.deliver(icmp_unreachable(IcmpUnreachable::port, parse_ip(about).value()));
  expect_nothing(bench, "unasked ICMP");
  EXPECT_EQ(bench.stack.statistics().icmp_ignored, 2u);
}

TEST(StackDoor, resets_strays_but_not_without_limit) {
  Bench bench;
  tcp::Header stray = header_of({.ack = true}, 5, 77);
  bench.deliver(tcp_packet(peer, ours, stray));
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  const auto reset = read_tcp(sent[0]);
  ASSERT_TRUE(reset);
  EXPECT_TRUE(reset->header.flags.rst);
  EXPECT_FALSE(reset->header.flags.ack);
  EXPECT_EQ(reset->header.sequence, 77u);

  stray.flags = {.rst = true};
  bench.deliver(tcp_packet(peer, ours, stray));
  EXPECT_TRUE(bench.sent().empty()) << "a reset is not answered";

  stray.flags = {.ack = true};
  for (int i = 0; i < 1'000; i++) bench.deliver(tcp_packet(peer, ours, stray));
  EXPECT_LT(bench.sent().size(), 100u);
  EXPECT_GT(bench.stack.statistics().answers_limited, 900u);
  bench.now += seconds(1);
  bench.deliver(tcp_packet(peer, ours, stray));
  EXPECT_EQ(bench.sent().size(), 1u) << "the limit recovers";
}

TEST(StackDoor, has_no_timer_and_little_memory_when_nothing_happens) {
  Bench bench;
  EXPECT_FALSE(bench.stack.poll_timeout());
  EXPECT_EQ(bench.stack.memory_bytes(), 0u);
}

}  // namespace
}  // namespace quoin::netstack
