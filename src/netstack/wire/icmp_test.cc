#include "netstack/wire/icmp.h"

#include <gtest/gtest.h>

#include "netstack/wire/checksum.h"
#include "netstack/wire/linux_packets_test.h"

namespace quoin::netstack {
namespace {

using testing::linux_packet;

IpPacket parsed(const Buffer& packet) {
  return parse_ip(packet).value();
}
IcmpMessage message_of(const Buffer& packet) {
  const auto message = parse_icmp(parsed(packet));
  EXPECT_TRUE(message);
  return message.value_or(IcmpOther{});
}
// The ICMP part: what stands after an IP header whose identification and class are each host's own choice.
std::string without_ip(const Buffer& packet) {
  return to_hex(parsed(packet).payload);
}

TEST(Icmp, reads_the_echo_request_of_linux) {
  for (const char* name : {"ping-v4", "ping-v6"}) {
    const Buffer packet = linux_packet(name);
    const IcmpMessage message = message_of(packet);
    const auto* echo = std::get_if<IcmpEcho>(&message);
    ASSERT_TRUE(echo) << name;
    EXPECT_FALSE(echo->reply);
    EXPECT_EQ(echo->data_bytes(), 11u);
  }
}

TEST(Icmp, answers_an_echo_request_as_linux_does) {
  for (const auto& [request, reply] :
       {std::pair("echo-v4-in", "echo-v4-out"), std::pair("echo-v6-in", "echo-v6-out")}) {
    const Buffer packet = linux_packet(request);
    const IpPacket ip = parsed(packet);
    const IcmpMessage message = message_of(packet);
    const Buffer ours = icmp_echo_reply(ip.destination, ip.source, std::get<IcmpEcho>(message).body);
    EXPECT_EQ(without_ip(ours), without_ip(linux_packet(reply)));
    EXPECT_TRUE(std::get<IcmpEcho>(message_of(ours)).reply);
    EXPECT_EQ(parsed(ours).source, ip.destination);
    EXPECT_EQ(parsed(ours).destination, ip.source);
  }
}

TEST(Icmp, writes_an_echo_request) {
  const Buffer expected = linux_packet("echo-v6-in");
  const IpPacket ip = parsed(expected);
  EXPECT_EQ(to_hex(icmp_echo_request(ip.source, ip.destination, ip.payload.subspan(4))), to_hex(expected));
}

TEST(Icmp, quotes_an_unreachable_packet_as_linux_does) {
  for (const char* name : {"port-v4", "port-v6", "portlong-v4", "portlong-v6"}) {
    const Buffer about = linux_packet(std::string(name) + "-in");
    const Buffer ours = icmp_unreachable(IcmpUnreachable::port, parsed(about));
    EXPECT_EQ(without_ip(ours), without_ip(linux_packet(std::string(name) + "-out"))) << name;
  }
}

TEST(Icmp, finds_the_flow_in_the_quote_of_linux) {
  for (const char* name : {"port-v4-out", "port-v6-out", "portlong-v4-out", "portlong-v6-out"}) {
    const Buffer packet = linux_packet(name);
    const IcmpMessage message = message_of(packet);
    const auto* error = std::get_if<IcmpError>(&message);
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->what, IcmpUnreachable::port);
    EXPECT_EQ(error->protocol, IpProtocol::udp);
    EXPECT_EQ(error->source, parsed(packet).destination);
    EXPECT_EQ(error->destination, parsed(packet).source);
    EXPECT_EQ(error->source_port, 5'000);
    EXPECT_EQ(error->destination_port, 9);
  }
}

TEST(Icmp, names_each_refusal_in_both_versions) {
  for (const char* name : {"syn-v4", "syn-v6"}) {
    const Buffer syn = linux_packet(name);
    for (const IcmpUnreachable what : {IcmpUnreachable::host, IcmpUnreachable::port, IcmpUnreachable::prohibited}) {
      const Buffer error = icmp_unreachable(what, parsed(syn));
      const IcmpMessage message = message_of(error);
      ASSERT_TRUE(std::holds_alternative<IcmpError>(message));
      EXPECT_EQ(std::get<IcmpError>(message).what, what);
      EXPECT_EQ(std::get<IcmpError>(message).sequence, Reader(parsed(syn).payload.subspan(4)).u32());
    }
  }
  const Buffer v4 = icmp_unreachable(IcmpUnreachable::prohibited, parsed(linux_packet("syn-v4")));
  EXPECT_EQ(to_hex(Bytes(v4).subspan(20, 2)), "030d");
  const Buffer v6 = icmp_unreachable(IcmpUnreachable::host, parsed(linux_packet("syn-v6")));
  EXPECT_EQ(to_hex(Bytes(v6).subspan(40, 2)), "0103");
}

TEST(Icmp, refuses_a_wrong_checksum_and_every_truncation) {
  for (const char* name : {"ping-v4", "ping-v6", "port-v4-out", "port-v6-out"}) {
    Buffer packet = linux_packet(name);
    packet.back() ^= std::byte{1};
    EXPECT_FALSE(parse_icmp(parsed(packet))) << name;
    packet.back() ^= std::byte{1};
    IpPacket cut = parsed(packet);
    const Bytes whole = cut.payload;
    for (std::size_t length = 0; length < icmp_header_bytes; length++) {
      cut.payload = whole.first(length);
      EXPECT_FALSE(parse_icmp(cut)) << name << " " << length;
    }
  }
}

TEST(Icmp, finds_no_flow_in_a_quote_too_short_for_ports_or_with_options) {
  const Buffer about = linux_packet("port-v4-in");
  IpPacket cut = parsed(about);
  cut.payload = cut.payload.first(7);
  EXPECT_FALSE(parse_icmp(parsed(icmp_unreachable(IcmpUnreachable::port, cut))));
  Buffer error = icmp_unreachable(IcmpUnreachable::port, parsed(about));
  Writer(MutableBytes(error).subspan(28)).u8(0x46);
  const std::uint16_t checksum = Reader(Bytes(error).subspan(22)).u16();
  Writer(MutableBytes(error).subspan(22)).u16(updated_checksum(checksum, 0x4500, 0x4600));
  EXPECT_FALSE(parse_icmp(parsed(error)));
}

}  // namespace
}  // namespace quoin::netstack
