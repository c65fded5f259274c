#include "control/packet_filter.h"

#include <gtest/gtest.h>

namespace quoin::control {
namespace {

constexpr std::uint8_t icmp = 1, tcp = 6, udp = 17, icmp_v6 = 58, sctp = 132, gre = 47;

FilterRule rule(std::vector<std::string> sources, std::string destination, PortRange ports,
                std::vector<std::int32_t> protocols = {}) {
  return {.src_ips = std::move(sources),
          .src_bits = {},
          .dst_ports = {{.ip = std::move(destination), .bits = {}, .ports = ports}},
          .ip_proto = std::move(protocols)};
}

IpAddress at(std::string_view text) {
  return *IpAddress::parse(text);
}

bool allows(const FilterRules& rules, std::string_view source, std::string_view destination, std::uint8_t protocol,
            std::uint16_t port) {
  return PacketFilter::compile(rules)->allows(at(source), at(destination), protocol, port);
}

TEST(PacketFilter, lets_nothing_through_without_rules) {
  EXPECT_FALSE(PacketFilter().allows(at("100.64.0.1"), at("100.64.0.2"), tcp, 80));
  EXPECT_FALSE(allows({}, "100.64.0.1", "100.64.0.2", icmp, 0));
}

TEST(PacketFilter, matches_source_destination_and_port) {
  const FilterRules rules{rule({"100.64.0.10"}, "100.64.7.1", {9100, 9101})};
  EXPECT_TRUE(allows(rules, "100.64.0.10", "100.64.7.1", tcp, 9100));
  EXPECT_TRUE(allows(rules, "100.64.0.10", "100.64.7.1", udp, 9101));
  EXPECT_FALSE(allows(rules, "100.64.0.10", "100.64.7.1", tcp, 9102));
  EXPECT_FALSE(allows(rules, "100.64.0.11", "100.64.7.1", tcp, 9100));
  EXPECT_FALSE(allows(rules, "100.64.0.10", "100.64.7.2", tcp, 9100));
  EXPECT_FALSE(allows(rules, "100.64.7.1", "100.64.0.10", tcp, 9100));
}

TEST(PacketFilter, takes_protocols_by_default_or_as_listed) {
  const FilterRules by_default{rule({"*"}, "*", {0, 65535})};
  for (const auto protocol : {tcp, udp, icmp}) EXPECT_TRUE(allows(by_default, "1.1.1.1", "2.2.2.2", protocol, 5));
  EXPECT_TRUE(allows(by_default, "fd7a::1", "fd7a::2", icmp_v6, 0));
  EXPECT_FALSE(allows(by_default, "1.1.1.1", "2.2.2.2", sctp, 5));
  EXPECT_FALSE(allows(by_default, "1.1.1.1", "2.2.2.2", gre, 0));
  const FilterRules tcp_only{rule({"*"}, "*", {0, 65535}, {tcp})};
  EXPECT_FALSE(allows(tcp_only, "1.1.1.1", "2.2.2.2", udp, 5));
}

TEST(PacketFilter, admits_icmp_wherever_any_rule_lets_the_addresses_meet) {
  const FilterRules rules{rule({"100.64.0.10"}, "100.64.7.1", {9100, 9100}, {tcp})};
  EXPECT_TRUE(allows(rules, "100.64.0.10", "100.64.7.1", icmp, 0));
  EXPECT_FALSE(allows(rules, "100.64.0.11", "100.64.7.1", icmp, 0));
}

TEST(PacketFilter, admits_other_protocols_only_by_name_and_for_all_ports) {
  EXPECT_TRUE(allows({rule({"*"}, "*", {0, 65535}, {gre})}, "1.1.1.1", "2.2.2.2", gre, 0));
  EXPECT_FALSE(allows({rule({"*"}, "*", {0, 80}, {gre})}, "1.1.1.1", "2.2.2.2", gre, 0));
}

TEST(PacketFilter, reads_addresses_prefixes_ranges_and_everything) {
  EXPECT_TRUE(allows({rule({"100.64.0.0/10"}, "fd7a::/16", {0, 65535})}, "100.127.255.255", "fd7a:1::1", tcp, 1));
  EXPECT_FALSE(allows({rule({"100.64.0.0/10"}, "*", {0, 65535})}, "100.128.0.0", "1.1.1.1", tcp, 1));
  const FilterRules range{rule({"10.0.0.5-10.0.1.2"}, "*", {0, 65535})};
  EXPECT_TRUE(allows(range, "10.0.0.5", "1.1.1.1", tcp, 1));
  EXPECT_TRUE(allows(range, "10.0.1.2", "1.1.1.1", tcp, 1));
  EXPECT_FALSE(allows(range, "10.0.1.3", "1.1.1.1", tcp, 1));
  EXPECT_FALSE(allows(range, "::a00:5", "1.1.1.1", tcp, 1));
  EXPECT_TRUE(allows({rule({"*"}, "*", {0, 65535})}, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1", tcp, 1));
}

TEST(PacketFilter, takes_a_capability_for_nobody) {
  EXPECT_FALSE(allows({rule({"cap:example.com/cap"}, "*", {0, 65535})}, "100.64.0.1", "100.64.0.2", tcp, 80));
}

TEST(PacketFilter, grants_nothing_by_a_rule_without_destinations) {
  EXPECT_FALSE(allows({FilterRule{.src_ips = {"*"}, .src_bits = {}, .dst_ports = {}, .ip_proto = {}}}, "1.1.1.1",
                      "2.2.2.2", icmp, 0));
}

TEST(PacketFilter, refuses_the_whole_set_for_one_unreadable_rule) {
  const FilterRule good = rule({"*"}, "*", {0, 65535});
  FilterRule source_bits = good;
  source_bits.src_bits = {32};
  FilterRule bits = good;
  bits.dst_ports[0].bits = 32;
  for (const FilterRule& bad :
       {rule({"10.0.0.1/8"}, "*", {0, 1}), rule({"host.example"}, "*", {0, 1}), rule({""}, "*", {0, 1}),
        rule({"10.0.0.2-10.0.0.1"}, "*", {0, 1}), rule({"10.0.0.1-::1"}, "*", {0, 1}), rule({"*"}, "nowhere", {0, 1}),
        rule({"*"}, "*", {5, 4}), rule({"*"}, "*", {0, 1}, {256}), rule({"*"}, "*", {0, 1}, {-1}), source_bits, bits}) {
    EXPECT_FALSE(PacketFilter::compile({good, bad}).has_value());
  }
}

TEST(PacketFilter, refuses_more_entries_than_its_maximum) {
  FilterRule many = rule({"*"}, "*", {0, 65535});
  many.src_ips.assign(PacketFilter::entries_max, "10.0.0.1");
  EXPECT_FALSE(PacketFilter::compile({many}).has_value());
}

}  // namespace
}  // namespace quoin::control
