#include "base/address.h"

#include <gtest/gtest.h>

namespace quoin {
namespace {

TEST(IpAddress, prints_what_it_parses) {
  for (const std::string_view text :
       {"0.0.0.0", "192.168.77.21", "255.255.255.255", "::", "::1", "2001:db8::1", "fd7a:115c:a1e0::7",
        "1:2:3:4:5:6:7:8", "1:0:3:4:5:6:7:8", "1::4:0:0:7:8", "fe80::"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(IpAddress, refuses_every_other_spelling) {
  for (const std::string_view text :
       {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "0x7f.1", "127.1", "1.2.3.4 ", ":", ":::", "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "fe80::1%eth0", "::1.2.3", "1.2.3.4::"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, unmaps_ipv4_so_that_one_host_has_one_spelling) {
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::v6(IpAddress::parse("192.0.2.1")->mapped()), IpAddress::parse("192.0.2.1"));
}

TEST(Endpoint, wants_brackets_around_ipv6_and_only_there) {
  EXPECT_EQ(Endpoint::parse("[2001:db8::1]:41641")->text(), "[2001:db8::1]:41641");
  EXPECT_EQ(Endpoint::parse("192.0.2.1:80")->port, 80);
  for (const std::string_view text :
       {"2001:db8::1:80", "[192.0.2.1]:80", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", ":80", "[]:1"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Prefix, refuses_host_bits_and_contains_its_block) {
  const auto block = Prefix::parse("192.168.77.0/24");
  ASSERT_TRUE(block);
  EXPECT_TRUE(block->contains(*IpAddress::parse("192.168.77.255")));
  EXPECT_FALSE(block->contains(*IpAddress::parse("192.168.78.0")));
  EXPECT_FALSE(block->contains(*IpAddress::parse("::1")));
  EXPECT_EQ(Prefix::parse("10.1.2.3")->length(), 32);
  EXPECT_EQ(Prefix::parse("fd00::/7"), std::nullopt);
  for (const std::string_view text :
       {"192.168.77.1/24", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0.0/08"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

TEST(Address, knows_what_kind_of_place_it_is) {
  EXPECT_TRUE(is_private(*IpAddress::parse("172.31.255.255")));
  EXPECT_FALSE(is_private(*IpAddress::parse("172.32.0.0")));
  EXPECT_TRUE(is_private(*IpAddress::parse("fd00:77::21")));
  EXPECT_TRUE(is_shared_nat(*IpAddress::parse("100.127.0.1")));
  EXPECT_TRUE(is_overlay(*IpAddress::parse("100.64.0.0")));
  EXPECT_TRUE(is_overlay(*IpAddress::parse("fd7a:115c:a1e0:ffff::1")));
  EXPECT_FALSE(is_overlay(*IpAddress::parse("fd7a:115c:a1e1::")));
  EXPECT_TRUE(is_link_local(*IpAddress::parse("febf::1")));
  EXPECT_TRUE(is_loopback(*IpAddress::parse("127.9.9.9")));
  EXPECT_FALSE(is_private(*IpAddress::parse("203.0.113.10")));
  for (const std::string_view text :
       {"2002:a00:1::", "64:ff9b::a00:1", "::10.0.0.1", "2001:0:1::", "2001:db8::200:5efe:a00:1", "fd00::5efe:a00:1"}) {
    EXPECT_TRUE(embeds_v4(*IpAddress::parse(text))) << text;
  }
  EXPECT_FALSE(embeds_v4(*IpAddress::parse("2001:db8::1")));
}

}  // namespace
}  // namespace quoin
