#include "wireguard/allowed_ips.h"

#include <gtest/gtest.h>

namespace quoin::wireguard {
namespace {

constexpr PeerId a{1};
constexpr PeerId b{2};

Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}
IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

TEST(AllowedIps, gives_an_address_to_the_longest_prefix) {
  AllowedIps allowed;
  allowed.assign(a, {prefix("10.0.0.0/8"), prefix("0.0.0.0/0")});
  allowed.assign(b, {prefix("10.1.0.0/16"), prefix("10.2.3.4")});
  EXPECT_EQ(allowed.find(address("10.0.0.1")), a);
  EXPECT_EQ(allowed.find(address("10.1.255.255")), b);
  EXPECT_EQ(allowed.find(address("10.2.3.4")), b);
  EXPECT_EQ(allowed.find(address("10.2.3.5")), a);
  EXPECT_EQ(allowed.find(address("192.0.2.1")), a);
}

TEST(AllowedIps, keeps_the_versions_apart) {
  AllowedIps allowed;
  allowed.assign(a, {prefix("0.0.0.0/0")});
  EXPECT_EQ(allowed.find(address("::1")), std::nullopt);
  allowed.assign(b, {prefix("::/0"), prefix("fd7a:115c:a1e0::/48")});
  EXPECT_EQ(allowed.find(address("::1")), b);
  EXPECT_EQ(allowed.find(address("1.2.3.4")), a);
  EXPECT_EQ(allowed.find(address("::ffff:1.2.3.4")), a);  // one host, one spelling
}

TEST(AllowedIps, moves_a_prefix_to_who_had_it_assigned_last) {
  AllowedIps allowed;
  allowed.assign(a, {prefix("10.0.0.0/24")});
  allowed.assign(b, {prefix("10.0.0.0/24")});
  EXPECT_EQ(allowed.find(address("10.0.0.1")), b);
  allowed.remove(a);
  EXPECT_EQ(allowed.find(address("10.0.0.1")), b);
  allowed.remove(b);
  EXPECT_EQ(allowed.find(address("10.0.0.1")), std::nullopt);
}

TEST(AllowedIps, replaces_what_a_peer_had) {
  AllowedIps allowed;
  allowed.assign(a, {prefix("10.0.0.0/24"), prefix("10.0.0.0/24"), prefix("10.0.1.0/24")});
  allowed.assign(a, {prefix("10.0.2.0/24")});
  EXPECT_EQ(allowed.find(address("10.0.0.1")), std::nullopt);
  EXPECT_EQ(allowed.find(address("10.0.1.1")), std::nullopt);
  EXPECT_EQ(allowed.find(address("10.0.2.1")), a);
  allowed.assign(a, {});
  EXPECT_EQ(allowed.find(address("10.0.2.1")), std::nullopt);
}

TEST(AllowedIps, ignores_more_prefixes_than_a_peer_may_have) {
  AllowedIps allowed;
  std::vector<Prefix> many;
  for (std::uint32_t i = 0; i <= AllowedIps::prefixes_per_peer_max; i++) many.push_back(Prefix::host(IpAddress::v4(i)));
  allowed.assign(a, many);
  EXPECT_EQ(allowed.find(IpAddress::v4(AllowedIps::prefixes_per_peer_max - 1)), a);
  EXPECT_EQ(allowed.find(IpAddress::v4(AllowedIps::prefixes_per_peer_max)), std::nullopt);
}

}  // namespace
}  // namespace quoin::wireguard
