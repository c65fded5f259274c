#include "gate/dial_guard.h"

#include <gtest/gtest.h>

#include "path/endpoint_guard.h"

namespace quoin::gate {
namespace {

IpAddress at(std::string_view text) {
  return *IpAddress::parse(text);
}
HostView host() {
  return {.interfaces = {{at("127.0.0.1"), 8},
                         {at("::1"), 128},
                         {at("192.168.77.2"), 24},
                         {at("10.20.0.9"), 22},
                         {at("172.16.5.0"), 31},
                         {at("fd12:3456:789a:1::2"), 64},
                         {at("fe80::2"), 64}},
          .gateways = {at("192.168.77.1"), at("fd12:3456:789a:1::1")},
          .dns_servers = {at("192.168.77.3"), at("9.9.9.9")}};
}

TEST(DialGuard, judges_each_kind_of_address) {
  using enum GuardRefusal;
  struct Case {
    std::string_view address;
    std::optional<GuardRefusal> refusal;
  };
  const std::vector<Case> cases = {
      {"192.168.77.21", {}},
      {"10.20.3.200", {}},  // of a /22
      {"fd12:3456:789a:1::15", {}},
      {"172.16.5.1", {}},  // a network of two hosts has no edges
      {"0.0.0.0", unspecified},
      {"::", unspecified},
      {"127.0.0.1", loopback},
      {"127.255.255.254", loopback},
      {"::1", loopback},
      {"::ffff:127.0.0.1", loopback},
      {"169.254.169.254", link_local},
      {"fe80::1", link_local},
      {"224.0.0.251", multicast},
      {"239.255.255.250", multicast},
      {"ff02::1", multicast},
      {"255.255.255.255", broadcast},
      {"::ffff:255.255.255.255", broadcast},
      {"::192.168.77.21", embedded_v4},
      {"2002:c0a8:4d15::1", embedded_v4},
      {"2001:0:c0a8:4d15::1", embedded_v4},
      {"64:ff9b::c0a8:4d15", embedded_v4},
      {"fd12:3456:789a:1:0:5efe:c0a8:4d15", embedded_v4},
      {"100.64.0.1", overlay},
      {"100.100.100.100", overlay},
      {"fd7a:115c:a1e0::53", overlay},
      {"fd7a:115c:a1e0:b1a:0:1:c0a8:4d15", overlay},  // 4via6
      {"fd00:ec2::254", metadata},
      {"8.8.8.8", not_private},
      {"203.0.113.9", not_private},
      {"240.0.0.1", not_private},
      {"0.1.2.3", not_private},
      {"2001:db8::1", not_private},
      {"192.168.77.2", own_address},
      {"10.20.0.9", own_address},
      {"fd12:3456:789a:1::2", own_address},
      {"192.168.77.1", gateway},
      {"fd12:3456:789a:1::1", gateway},
      {"192.168.77.3", dns_server},
      {"192.168.77.0", subnet_edge},
      {"192.168.77.255", subnet_edge},
      {"10.20.0.0", subnet_edge},
      {"10.20.3.255", subnet_edge},
      {"fd12:3456:789a:1::", subnet_edge},
      {"192.168.78.21", not_on_link},
      {"10.20.4.1", not_on_link},
      {"fd12:3456:789a:2::15", not_on_link},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(guard_device(at(each.address), KnownBy::mac, host()), each.refusal) << each.address;
    if (each.refusal) EXPECT_TRUE(sentence_of(*each.refusal, at(each.address)).starts_with(at(each.address).text()));
  }
}

TEST(DialGuard, at_configuration_time_only_what_the_host_knows_is_left_open) {
  for (const std::string_view address : {"192.168.77.2", "192.168.77.1", "192.168.77.255", "192.168.99.1"}) {
    EXPECT_EQ(guard_address(at(address)), std::nullopt) << address;
    EXPECT_NE(guard_device(at(address), KnownBy::mac, host()), std::nullopt) << address;
  }
}

TEST(DialGuard, a_device_with_a_serial_number_may_stand_behind_a_router_and_nowhere_else) {
  EXPECT_EQ(guard_device(at("192.168.78.21"), KnownBy::serial, host()), std::nullopt);
  EXPECT_EQ(guard_device(at("192.168.77.21"), KnownBy::serial, host()), std::nullopt);
  for (const std::string_view address :
       {"8.8.8.8", "192.168.77.1", "192.168.77.2", "192.168.77.3", "192.168.77.255", "100.64.0.1", "169.254.1.1"}) {
    EXPECT_NE(guard_device(at(address), KnownBy::serial, host()), std::nullopt) << address;
  }
}

TEST(DialGuard, a_host_without_networks_dials_nothing) {
  EXPECT_EQ(guard_device(at("192.168.77.21"), KnownBy::mac, HostView{}), GuardRefusal::not_on_link);
}

TEST(DialGuard, a_network_that_only_a_route_puts_on_a_link_is_one_of_ours) {
  HostView view = host();
  const path::EndpointGuard before(view.prefixes(), {});
  EXPECT_EQ(guard_device(at("192.168.99.21"), KnownBy::mac, view), GuardRefusal::not_on_link);
  EXPECT_TRUE(before.allows(Endpoint{at("8.8.7.1"), 41641}, path::EndpointUse::peer));
  view.networks = {*Prefix::parse("192.168.99.0/24"), *Prefix::parse("8.8.7.0/24")};
  EXPECT_EQ(guard_device(at("192.168.99.21"), KnownBy::mac, view), std::nullopt);
  const path::EndpointGuard guard(view.prefixes(), {});
  EXPECT_FALSE(guard.allows(Endpoint{at("8.8.7.1"), 41641}, path::EndpointUse::peer));
}

TEST(HostView, names_each_network_once_and_none_inside_another) {
  HostView view;
  view.interfaces = {
      {at("10.1.0.1"), 16}, {at("10.1.2.3"), 24}, {at("10.1.0.2"), 16}, {at("10.2.0.1"), 16}, {at("fd00::1"), 64}};
  std::vector<std::string> names;
  for (const Prefix& prefix : view.prefixes()) names.push_back(prefix.text());
  EXPECT_EQ(names, (std::vector<std::string>{"10.1.0.0/16", "10.2.0.0/16", "fd00::/64"}));
}

}  // namespace
}  // namespace quoin::gate
