#include "path/endpoint_guard.h"

#include <utility>

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::path {
namespace {

Endpoint at(std::string_view address, std::uint16_t port = 41641) {
  return {.address = IpAddress::parse(address).value(), .port = port};
}

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

TEST(EndpointGuard, refuses_every_kind_of_address_that_is_not_public) {
  const EndpointGuard guard;
  for (const auto& [address, why] : {
           std::pair<std::string_view, Refusal>{"0.0.0.0", Refusal::unspecified},
           {"0.1.2.3", Refusal::reserved},
           {"10.0.0.1", Refusal::private_use},
           {"10.255.255.255", Refusal::private_use},
           {"100.64.0.1", Refusal::shared_nat},
           {"100.127.255.255", Refusal::shared_nat},
           {"127.0.0.1", Refusal::loopback},
           {"127.3.3.40", Refusal::loopback},
           {"169.254.169.254", Refusal::link_local},
           {"172.16.0.1", Refusal::private_use},
           {"172.31.255.254", Refusal::private_use},
           {"192.0.0.8", Refusal::reserved},
           {"192.88.99.1", Refusal::reserved},
           {"192.168.77.21", Refusal::private_use},
           {"198.18.0.1", Refusal::reserved},
           {"198.19.255.255", Refusal::reserved},
           {"224.0.0.251", Refusal::multicast},
           {"239.255.255.250", Refusal::multicast},
           {"240.0.0.1", Refusal::reserved},
           {"255.255.255.255", Refusal::broadcast},
           {"::", Refusal::unspecified},
           {"::1", Refusal::loopback},
           {"::ffff:192.168.0.1", Refusal::private_use},
           {"::192.168.0.1", Refusal::embeds_v4},
           {"64:ff9b::c0a8:1", Refusal::embeds_v4},
           {"64:ff9b:1::1", Refusal::embeds_v4},
           {"2002:c0a8:1::1", Refusal::embeds_v4},
           {"2001::1", Refusal::embeds_v4},
           {"::ffff:0:192.168.0.1", Refusal::embeds_v4},
           {"2001:db8::200:5efe:c0a8:1", Refusal::embeds_v4},
           {"100::1", Refusal::reserved},
           {"2001:10::1", Refusal::reserved},
           {"2001:1ff::1", Refusal::reserved},
           {"4000::1", Refusal::reserved},
           {"5f00::1", Refusal::reserved},
           {"fc00::1", Refusal::private_use},
           {"fd7a:115c:a1e0::1", Refusal::private_use},
           {"fe80::1", Refusal::link_local},
           {"febf::1", Refusal::link_local},
           {"fec0::1", Refusal::private_use},
           {"ff02::1", Refusal::multicast},
       }) {
    EXPECT_EQ(guard.refuses(at(address), EndpointUse::peer), why) << address;
    EXPECT_EQ(guard.refuses(at(address), EndpointUse::relay_or_stun), why) << address;
  }
}

TEST(EndpointGuard, passes_public_and_documentation_addresses) {
  const EndpointGuard guard;
  for (const std::string_view address :
       {"1.1.1.1",     "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1",   "169.253.255.255", "172.15.255.255",  "172.32.0.0",     "192.0.2.1",   "192.167.255.255",
        "192.169.0.0", "198.17.255.255",  "198.20.0.0",      "198.51.100.7",   "203.0.113.9", "223.255.255.255",
        "2001:db8::1", "2001:200::1",     "2606:4700::1111", "3fff::1"}) {
    EXPECT_FALSE(guard.refuses(at(address), EndpointUse::peer)) << address;
  }
}

TEST(EndpointGuard, agrees_with_the_kinds_that_addresses_have_elsewhere) {
  SeededRandom random(3);
  for (int i = 0; i < 5'000; i++) {
    const IpAddress v4 = IpAddress::v4(random.u32());
    if (is_private(v4) || is_loopback(v4) || is_link_local(v4) || is_multicast(v4) || is_shared_nat(v4) ||
        is_reserved(v4)) {
      ASSERT_TRUE(not_public(v4)) << v4.text();
    }
    const IpAddress v6 = IpAddress::v6(random.array<16>());
    if (is_private(v6) || is_loopback(v6) || is_link_local(v6) || is_multicast(v6) || embeds_v4(v6)) {
      ASSERT_TRUE(not_public(v6)) << v6.text();
    }
  }
}

TEST(EndpointGuard, refuses_port_zero_for_anyone) {
  const EndpointGuard guard({}, {prefix("10.1.2.3/32")});
  EXPECT_EQ(guard.refuses(at("1.1.1.1", 0), EndpointUse::peer), Refusal::port_zero);
  EXPECT_EQ(guard.refuses(at("10.1.2.3", 0), EndpointUse::relay_or_stun), Refusal::port_zero);
}

TEST(EndpointGuard, refuses_what_lies_in_a_network_of_this_host_even_if_it_is_public) {
  EndpointGuard guard({prefix("203.0.113.0/28"), prefix("2001:db8:77::/64")}, {});
  EXPECT_EQ(guard.refuses(at("203.0.113.5"), EndpointUse::peer), Refusal::own_prefix);
  EXPECT_EQ(guard.refuses(at("203.0.113.15"), EndpointUse::peer), Refusal::own_prefix);
  EXPECT_EQ(guard.refuses(at("2001:db8:77::9"), EndpointUse::peer), Refusal::own_prefix);
  EXPECT_FALSE(guard.refuses(at("203.0.113.16"), EndpointUse::peer));
  EXPECT_FALSE(guard.refuses(at("2001:db8:78::9"), EndpointUse::peer));
}

TEST(EndpointGuard, own_prefixes_may_be_replaced_at_any_time) {
  EndpointGuard guard({prefix("203.0.113.0/28")}, {});
  guard.set_own_prefixes({prefix("198.51.100.0/24")});
  EXPECT_FALSE(guard.refuses(at("203.0.113.5"), EndpointUse::peer));
  EXPECT_EQ(guard.refuses(at("198.51.100.5"), EndpointUse::peer), Refusal::own_prefix);
}

TEST(EndpointGuard, vouched_addresses_pass_for_servers_and_never_for_peers) {
  const EndpointGuard guard({prefix("10.1.2.0/24")}, {prefix("10.1.2.3/32"), prefix("127.0.0.1/32")});
  EXPECT_FALSE(guard.refuses(at("10.1.2.3"), EndpointUse::relay_or_stun));
  EXPECT_FALSE(guard.refuses(at("127.0.0.1"), EndpointUse::relay_or_stun));
  EXPECT_EQ(guard.refuses(at("10.1.2.3"), EndpointUse::peer), Refusal::private_use);
  EXPECT_EQ(guard.refuses(at("10.1.2.4"), EndpointUse::relay_or_stun), Refusal::private_use);
}

TEST(EndpointGuard, nobody_can_vouch_for_what_is_no_servers_address) {
  const EndpointGuard guard({}, {prefix("0.0.0.0/0"), prefix("::/0")});
  for (const std::string_view address :
       {"0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "ff02::1", "2002:c0a8:1::1", "64:ff9b::c0a8:1"}) {
    EXPECT_TRUE(guard.refuses(at(address), EndpointUse::relay_or_stun)) << address;
  }
  EXPECT_FALSE(guard.refuses(at("192.168.1.1"), EndpointUse::relay_or_stun));
}

TEST(EndpointGuard, has_words_for_each_reason) {
  for (int i = 0; i <= static_cast<int>(Refusal::own_prefix); i++) {
    EXPECT_NE(text(static_cast<Refusal>(i)), "a refused address");
  }
}

}  // namespace
}  // namespace quoin::path
