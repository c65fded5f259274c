#include "netstack/wire/tsmp.h"

#include <gtest/gtest.h>

#include "base/address.h"

namespace quoin::netstack {
namespace {

Buffer tsmp_packet(const char* from, const char* to, Bytes payload) {
  const IpAddress source = IpAddress::parse(from).value();
  Buffer packet(ip_header_bytes(source.version()));
  write_ip_header(packet, {.source = source,
                           .destination = IpAddress::parse(to).value(),
                           .protocol = IpProtocol::tsmp,
                           .payload_bytes = payload.size()});
  append(packet, payload);
  return packet;
}

TEST(Tsmp, answers_a_ping_with_its_token_and_port_zero) {
  for (const auto& [from, to] : {std::pair("100.64.0.2", "100.64.0.1"), std::pair("fd7a::2", "fd7a::1")}) {
    const Buffer ping = tsmp_packet(from, to, from_hex("700102030405060708").value());
    const auto pong = tsmp_pong(parse_ip(ping).value());
    ASSERT_TRUE(pong);
    const auto parsed = parse_ip(*pong);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->source.text(), to);
    EXPECT_EQ(parsed->destination.text(), from);
    EXPECT_EQ(parsed->protocol, 99);
    EXPECT_EQ(to_hex(parsed->payload), "6f01020304050607080000");
  }
}

TEST(Tsmp, answers_nothing_else) {
  for (const char* payload : {"", "70", "7001020304050607", "6f01020304050607080000", "2106410050c000",
                              "610000000000000000000000000000000000000000000000000000000000000000"}) {
    const Buffer packet = tsmp_packet("100.64.0.2", "100.64.0.1", from_hex(payload).value());
    EXPECT_FALSE(tsmp_pong(parse_ip(packet).value())) << payload;
  }
}

}  // namespace
}  // namespace quoin::netstack
