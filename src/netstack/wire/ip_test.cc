#include "netstack/wire/ip.h"

#include <gtest/gtest.h>

#include "netstack/wire/checksum.h"
#include "netstack/wire/linux_packets_test.h"

namespace quoin::netstack {
namespace {

using testing::linux_packet;
using testing::linux_packets;

const IpAddress kernel_v4 = IpAddress::parse("100.64.0.1").value();
const IpAddress peer_v4 = IpAddress::parse("100.64.0.2").value();
const IpAddress kernel_v6 = IpAddress::parse("fd7a:115c:a1e0::1").value();
const IpAddress peer_v6 = IpAddress::parse("fd7a:115c:a1e0::2").value();

std::string verdict(Bytes packet) {
  const auto parsed = parse_ip(packet);
  if (parsed) return "accept";
  switch (parsed.error()) {
    case IpRefusal::short_packet: return "short_packet";
    case IpRefusal::version: return "version";
    case IpRefusal::options: return "options";
    case IpRefusal::extension_header: return "extension_header";
    case IpRefusal::fragment: return "fragment";
    case IpRefusal::header_checksum: return "header_checksum";
    case IpRefusal::hop_limit: return "hop_limit";
  }
  return "?";
}

// An IPv4 packet with one byte changed and a header checksum that is right again.
Buffer changed(Buffer packet, std::size_t at, std::uint8_t value) {
  packet[at] = std::byte{value};
  Writer(MutableBytes(packet).subspan(10)).u16(0);
  ChecksumSum sum;
  sum.add(Bytes(packet).first(20));
  Writer(MutableBytes(packet).subspan(10)).u16(sum.checksum());
  return packet;
}
Buffer with_byte(Buffer packet, std::size_t at, std::uint8_t value) {
  packet[at] = std::byte{value};
  return packet;
}

TEST(Ip, takes_of_linux_what_has_no_options_extensions_or_fragments) {
  ASSERT_GE(linux_packets().size(), 24u);
  for (const auto& packet : linux_packets()) EXPECT_EQ(verdict(packet.packet), packet.verdict) << packet.name;
}

TEST(Ip, reads_the_fields_of_both_versions) {
  const auto v4 = parse_ip(linux_packet("udp-v4"));
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->source, kernel_v4);
  EXPECT_EQ(v4->destination, peer_v4);
  EXPECT_EQ(v4->protocol, IpProtocol::udp);
  EXPECT_EQ(v4->hop_limit, 64);
  EXPECT_EQ(v4->payload.size(), 14u);
  const auto v6 = parse_ip(linux_packet("udp-v6"));
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->source, kernel_v6);
  EXPECT_EQ(v6->destination, peer_v6);
  EXPECT_EQ(v6->protocol, IpProtocol::udp);
  EXPECT_EQ(v6->payload.size(), 14u);
}

TEST(Ip, leaves_out_the_padding_of_the_tunnel) {
  for (const char* name : {"udp-v4", "udp-v6"}) {
    Buffer padded = linux_packet(name);
    const std::size_t length = padded.size();
    padded.resize(length + 15);
    const auto parsed = parse_ip(padded);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->whole().size(), length);
  }
}

TEST(Ip, refuses_each_packet_that_could_mean_two_things) {
  const Buffer v4 = linux_packet("udp-v4");
  const Buffer v6 = linux_packet("udp-v6");
  EXPECT_EQ(verdict({}), "short_packet");
  EXPECT_EQ(verdict(with_byte(v4, 0, 0x55)), "version");
  EXPECT_EQ(verdict(with_byte(v4, 0, 0x05)), "version");
  EXPECT_EQ(verdict(with_byte(v4, 0, 0x65)), "short_packet");  // as IPv6 it is shorter than its header
  EXPECT_EQ(verdict(changed(v4, 0, 0x44)), "short_packet");
  EXPECT_EQ(verdict(changed(v4, 0, 0x46)), "options");
  EXPECT_EQ(verdict(changed(v4, 0, 0x4f)), "options");
  EXPECT_EQ(verdict(changed(v4, 3, 19)), "short_packet");
  EXPECT_EQ(verdict(changed(v4, 3, static_cast<std::uint8_t>(v4.size() + 1))), "short_packet");
  EXPECT_EQ(verdict(changed(v4, 2, 0xff)), "short_packet");
  EXPECT_EQ(verdict(changed(v4, 6, 0x20)), "fragment");  // the first one
  EXPECT_EQ(verdict(changed(v4, 6, 0x80)), "fragment");  // the reserved flag
  EXPECT_EQ(verdict(changed(v4, 7, 0x01)), "fragment");  // a later one
  EXPECT_EQ(verdict(changed(v4, 6, 0x1f)), "fragment");
  EXPECT_EQ(verdict(changed(v4, 8, 0)), "hop_limit");
  EXPECT_EQ(verdict(with_byte(v4, 10, 0)), "header_checksum");
  EXPECT_EQ(verdict(with_byte(v4, 16, 0x65)), "header_checksum");
  EXPECT_EQ(verdict(with_byte(v6, 7, 0)), "hop_limit");
  EXPECT_EQ(verdict(with_byte(v6, 4, 0xff)), "short_packet");
  EXPECT_EQ(verdict(with_byte(v6, 5, 15)), "short_packet");
  EXPECT_EQ(verdict(with_byte(v6, 6, 44)), "fragment");
  for (const std::uint8_t next : {0, 43, 50, 51, 59, 60, 135, 139, 140, 253, 254}) {
    EXPECT_EQ(verdict(with_byte(v6, 6, next)), "extension_header") << int(next);
  }
  Buffer mapped = v6;  // ::ffff:100.64.0.1
  for (std::size_t i = 8; i < 18; i++) mapped[i] = std::byte{0};
  for (const std::size_t i : {18u, 19u}) mapped[i] = std::byte{0xff};
  EXPECT_EQ(verdict(mapped), "version");
}

std::string fragment_verdict(Bytes packet) {
  const auto parsed = parse_fragment(packet);
  if (!parsed) return parsed.error() == IpRefusal::fragment ? "fragment" : "other";
  return std::to_string(parsed->offset) + "+" + std::to_string(parsed->packet.payload.size()) +
         (parsed->more ? "..." : ".");
}

TEST(Ip, reads_the_fragments_that_linux_sends) {
  std::vector<std::string> verdicts;
  for (const auto& packet : linux_packets()) {
    if (packet.verdict == "fragment") verdicts.push_back(fragment_verdict(packet.packet));
  }
  EXPECT_EQ(verdicts, (std::vector<std::string>{"0+1256...", "1256+252.", "0+1232...", "1232+276."}));
  EXPECT_EQ(fragment_verdict(linux_packet("udp-v4")), "fragment") << "a whole packet is none";
  EXPECT_EQ(fragment_verdict(linux_packet("udp-v6")), "fragment");
}

TEST(Ip, refuses_fragments_that_can_be_no_datagrams_part) {
  const Buffer v4 = linux_packet("udp-v4");  // 14 bytes of payload
  EXPECT_EQ(fragment_verdict(changed(v4, 7, 0x01)), "8+14.");
  EXPECT_EQ(fragment_verdict(changed(v4, 6, 0x20)), "fragment") << "14 bytes, and more to come";
  EXPECT_EQ(fragment_verdict(changed(changed(v4, 3, 28), 6, 0x20)), "0+8...");
  EXPECT_EQ(fragment_verdict(changed(changed(v4, 3, 20), 7, 0x01)), "fragment") << "nothing in it";
  EXPECT_EQ(fragment_verdict(changed(v4, 6, 0x80)), "fragment") << "the reserved flag";
  EXPECT_EQ(fragment_verdict(changed(changed(v4, 6, 0x1f), 7, 0xff)), "fragment") << "ends behind 65,535";
  EXPECT_EQ(fragment_verdict(changed(changed(v4, 6, 0x1f), 7, 0xfb)), "65496+14.") << "20 + 65,510 do not";
  Buffer v6 = with_byte(linux_packet("udp-v6"), 6, 44);
  v6[40] = std::byte{17};
  v6[42] = v6[43] = std::byte{0};
  EXPECT_EQ(fragment_verdict(v6), "0+6.") << "a datagram by itself";
  v6[43] = std::byte{1};
  EXPECT_EQ(fragment_verdict(v6), "fragment");
  for (const int next : {0, 43, 44, 51, 60}) {
    v6[40] = std::byte(next);
    EXPECT_EQ(fragment_verdict(v6), "other") << next;
  }
  for (std::size_t length = 40; length < 48; length++) {
    Buffer cut(v6.begin(), v6.begin() + static_cast<std::ptrdiff_t>(length));
    cut[5] = std::byte(length - 40);
    EXPECT_EQ(fragment_verdict(cut), "fragment") << length;
  }
}

TEST(Ip, cuts_a_packet_into_fragments_that_say_the_same) {
  Buffer packet(20 + 3'000);
  write_ip_header(packet,
                  {.source = peer_v4, .destination = kernel_v4, .protocol = IpProtocol::icmp, .payload_bytes = 3'000});
  const auto fragments = ipv4_fragments(packet, 1'280, 77);
  ASSERT_EQ(fragments.size(), 3u);
  EXPECT_EQ(fragment_verdict(fragments[0]), "0+1256...");
  EXPECT_EQ(fragment_verdict(fragments[1]), "1256+1256...");
  EXPECT_EQ(fragment_verdict(fragments[2]), "2512+488.");
  for (const Buffer& each : fragments) EXPECT_EQ(parse_fragment(each)->identification, 77u);
}

TEST(Ip, refuses_every_truncation) {
  for (const char* name : {"udp-v4", "udp-v6", "syn-v4", "syn-v6"}) {
    const Buffer whole = linux_packet(name);
    for (std::size_t length = 0; length < whole.size(); length++) {
      EXPECT_EQ(verdict(Bytes(whole).first(length)), "short_packet") << name << " " << length;
    }
  }
}

TEST(Ip, writes_the_headers_that_linux_writes) {
  // Byte for byte, once Linux's choice of identification and flow label is put in.
  Buffer v4(20);
  write_ip_header(v4, {.source = kernel_v4,
                       .destination = peer_v4,
                       .protocol = IpProtocol::udp,
                       .payload_bytes = 14,
                       .identification = 0xd247});
  EXPECT_EQ(to_hex(v4), to_hex(Bytes(linux_packet("udp-v4")).first(20)));

  Buffer v6(40);
  write_ip_header(v6, {.source = kernel_v6, .destination = peer_v6, .protocol = IpProtocol::udp, .payload_bytes = 14});
  Buffer expected = linux_packet("udp-v6");
  expected.resize(40);
  for (const std::size_t i : {1u, 2u, 3u}) expected[i] = std::byte{0};
  EXPECT_EQ(to_hex(v6), to_hex(expected));

  Buffer fragment(20);
  write_ip_header(fragment, {.source = kernel_v4,
                             .destination = peer_v4,
                             .protocol = IpProtocol::udp,
                             .payload_bytes = 252,
                             .identification = 0xd26a,
                             .dont_fragment = false,
                             .more_fragments = false,
                             .fragment_offset = 1256});
  for (const auto& packet : linux_packets()) {
    if (packet.name == "udp-frag-v4" && packet.packet.size() == 272) {
      EXPECT_EQ(to_hex(fragment), to_hex(Bytes(packet.packet).first(20)));
    }
  }
}

}  // namespace
}  // namespace quoin::netstack
