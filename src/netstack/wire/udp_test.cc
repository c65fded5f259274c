#include "netstack/wire/udp.h"

#include <gtest/gtest.h>

#include "netstack/wire/linux_packets_test.h"

namespace quoin::netstack {
namespace {

using testing::linux_packet;

IpPacket parsed(const Buffer& packet) {
  return parse_ip(packet).value();
}

TEST(Udp, reads_what_linux_sent) {
  for (const char* name : {"udp-v4", "udp-v6"}) {
    const IpPacket packet = parsed(linux_packet(name));
    const auto datagram = parse_udp(packet);
    ASSERT_TRUE(datagram) << name;
    EXPECT_EQ(datagram->source_port, 40'000);
    EXPECT_EQ(datagram->destination_port, 161);
    EXPECT_EQ(text_of(datagram->data), "public");
  }
  for (const char* name : {"udp-empty-v4", "udp-empty-v6"}) {
    const IpPacket packet = parsed(linux_packet(name));
    const auto datagram = parse_udp(packet);
    ASSERT_TRUE(datagram) << name;
    EXPECT_TRUE(datagram->data.empty());
  }
}

TEST(Udp, writes_the_header_that_linux_writes) {
  for (const char* name : {"udp-v4", "udp-v6", "udp-empty-v4", "udp-empty-v6", "portlong-v4-in"}) {
    const IpPacket packet = parsed(linux_packet(name));
    const UdpDatagram datagram = parse_udp(packet).value();
    const auto header = udp_header({packet.source, datagram.source_port},
                                   {packet.destination, datagram.destination_port}, datagram.data);
    EXPECT_EQ(to_hex(header), to_hex(packet.payload.first(8))) << name;
  }
}

TEST(Udp, refuses_each_flipped_bit) {
  for (const char* name : {"udp-v4", "udp-v6"}) {
    Buffer packet = linux_packet(name);
    const std::size_t header = name == std::string("udp-v4") ? 20 : 40;
    for (std::size_t bit = header * 8; bit < packet.size() * 8; bit++) {
      packet[bit / 8] ^= std::byte(1 << bit % 8);
      EXPECT_FALSE(parse_udp(parsed(packet))) << name << " bit " << bit;
      packet[bit / 8] ^= std::byte(1 << bit % 8);
    }
  }
}

TEST(Udp, takes_a_missing_checksum_over_ipv4_only) {
  Buffer v4 = linux_packet("udp-v4");
  v4[26] = v4[27] = std::byte{0};
  EXPECT_TRUE(parse_udp(parsed(v4)));
  Buffer v6 = linux_packet("udp-v6");
  v6[46] = v6[47] = std::byte{0};
  EXPECT_FALSE(parse_udp(parsed(v6)));
}

TEST(Udp, never_writes_the_checksum_that_means_none) {
  // Two bytes of data that bring the sum to all ones, for which the checksum would be zero.
  const Endpoint source{IpAddress::parse("100.64.0.1").value(), 1};
  const Endpoint destination{IpAddress::parse("100.64.0.2").value(), 2};
  const auto with_zeros = udp_header(source, destination, Bytes(std::array<std::byte, 2>{}));
  const std::uint16_t checksum = Reader(Bytes(with_zeros).subspan(6)).u16();
  const std::array<std::byte, 2> data = {std::byte(checksum >> 8), std::byte(checksum)};
  const auto header = udp_header(source, destination, data);
  EXPECT_EQ(Reader(Bytes(header).subspan(6)).u16(), 0xffff);
}

TEST(Udp, refuses_a_length_that_is_not_what_ip_carried) {
  for (const std::uint8_t length : {0, 7, 8, 13, 15, 255}) {
    Buffer packet = linux_packet("udp-v4");
    packet[25] = std::byte{length};
    packet[26] = packet[27] = std::byte{0};  // no checksum to catch it first
    EXPECT_FALSE(parse_udp(parsed(packet))) << int(length);
  }
}

}  // namespace
}  // namespace quoin::netstack
