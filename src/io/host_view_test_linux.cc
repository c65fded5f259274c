#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "io/entropy.h"
#include "io/host_view.h"
#include "io/isolated_network.h"
#include "io/name_servers.h"
#include "io/neighbour.h"
#include "io/ping.h"
#include "io/run_until.h"

namespace quoin::io {
namespace {

bool has(const HostView& view, const char* address, const char* prefix) {
  return std::ranges::any_of(view.addresses, [&](const InterfaceAddress& one) {
    return one.address == IpAddress::parse(address) && one.prefix == Prefix::parse(prefix);
  });
}

TEST(HostView, has_loopback_with_its_prefix) {
  const auto view = read_host_view();
  ASSERT_TRUE(view);
  EXPECT_TRUE(has(*view, "127.0.0.1", "127.0.0.0/8"));
}

TEST(HostView, has_links_and_gateways) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  const auto view = read_host_view();
  ASSERT_TRUE(view);
  EXPECT_TRUE(has(*view, near_address, "192.0.2.0/24"));
  EXPECT_TRUE(has(*view, "2001:db8:1::1", "2001:db8:1::/64"));
  EXPECT_EQ(view->gateways, std::vector{*IpAddress::parse("192.0.2.254")});
  ASSERT_EQ(view->default_routes.size(), 1U);
  EXPECT_EQ(view->default_routes[0].gateways, view->gateways);
  EXPECT_NE(view->default_routes[0].interface, 0U);
}

TEST(HostView, reports_a_change) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  Loop loop;
  bool changed = false;
  const auto changes = HostChanges::watch(loop, [&] { changed = true; });
  ASSERT_TRUE(changes);
  ASSERT_TRUE(command_here("ip address add 198.51.100.1 peer 198.51.100.2/30 dev near"));
  ASSERT_TRUE(run_until(loop, [&] { return changed; }));
  const auto view = read_host_view();
  ASSERT_TRUE(view);
  EXPECT_TRUE(has(*view, "198.51.100.1", "198.51.100.0/30"));
  ASSERT_TRUE(command_here("ip address del 198.51.100.1 peer 198.51.100.2/30 dev near"));
}

TEST(HostView, has_the_other_end_of_a_link_and_what_a_route_puts_on_one) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  ASSERT_TRUE(command_here("ip address add 10.9.8.1 peer 10.7.6.2/32 dev near"));
  ASSERT_TRUE(command_here("ip route add 198.51.100.64/26 dev near"));
  ASSERT_TRUE(command_here("ip route add 2001:db8:77::/64 dev near"));
  ASSERT_TRUE(command_here("ip route add 128.0.0.0/1 dev near"));  // as some VPN clients take the world
  ASSERT_TRUE(command_here("ip route add 203.0.113.0/24 via 192.0.2.254"));
  const auto view = read_host_view();
  ASSERT_TRUE(view);
  const auto has_network = [&](const char* prefix) {
    return std::ranges::find(view->networks, *Prefix::parse(prefix)) != view->networks.end();
  };
  EXPECT_TRUE(has_network("10.7.6.2/32"));
  EXPECT_TRUE(has_network("198.51.100.64/26"));
  EXPECT_TRUE(has_network("2001:db8:77::/64"));
  EXPECT_FALSE(has_network("128.0.0.0/1"));
  EXPECT_FALSE(has_network("203.0.113.0/24"));
  ASSERT_TRUE(command_here("ip address del 10.9.8.1 peer 10.7.6.2/32 dev near"));
  for (const char* prefix : {"198.51.100.64/26", "2001:db8:77::/64", "128.0.0.0/1", "203.0.113.0/24"}) {
    ASSERT_TRUE(command_here(std::string("ip route del ") + prefix));
  }
}

TEST(HostView, leaves_out_what_a_tailscale_client_on_this_host_routes_to_itself) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  ASSERT_TRUE(command_here("ip route add 100.64.0.0/10 dev near table 52"));
  ASSERT_TRUE(command_here("ip route add fd7a:115c:a1e0::/48 dev near table 52"));
  ASSERT_TRUE(command_here("ip route add fd7a:115c:a1e1::/48 dev near table 52"));
  const auto view = read_host_view();
  ASSERT_TRUE(view);
  const auto has_network = [&](const char* prefix) {
    return std::ranges::find(view->networks, *Prefix::parse(prefix)) != view->networks.end();
  };
  EXPECT_FALSE(has_network("100.64.0.0/10"));
  EXPECT_FALSE(has_network("fd7a:115c:a1e0::/48"));
  EXPECT_TRUE(has_network("fd7a:115c:a1e1::/48"));
  for (const char* prefix : {"100.64.0.0/10", "fd7a:115c:a1e0::/48", "fd7a:115c:a1e1::/48"}) {
    ASSERT_TRUE(command_here(std::string("ip route del ") + prefix + " table 52"));
  }
}

TEST(NameServers, are_read_as_the_resolver_reads_them) {
  const auto servers = name_servers_in(
      "# nameserver 192.0.2.9\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 # ours\nsearch example.com\n"
      "nameserver fe80::1%eth0\nnameserverx 192.0.2.8\nnameserver\nnameserver  192.0.2.2\r\n nameserver 192.0.2.7");
  EXPECT_EQ(servers, (std::vector{*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1"),
                                  *IpAddress::parse("fe80::1"), *IpAddress::parse("192.0.2.2")}));
}

class NeighbourTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  }
  Result<MacBytes, NeighbourError> look_up(const char* address, Duration within = seconds(10),
                                           NeighbourLookup::Entry wanted = NeighbourLookup::Entry::confirmed) {
    std::optional<Result<MacBytes, NeighbourError>> outcome;
    NeighbourLookup lookup(loop, *IpAddress::parse(address), within, [&](auto result) { outcome = result; }, wanted);
    EXPECT_TRUE(run_until(loop, [&] { return outcome.has_value(); }));
    return outcome ? *outcome : failure(NeighbourError::failed);
  }
  static std::string text(const Result<MacBytes, NeighbourError>& mac) { return mac ? to_hex(*mac) : "none"; }
  Loop loop;
};

TEST_F(NeighbourTest, answers_with_its_hardware_address) {
  EXPECT_EQ(text(look_up(far_address)), far_mac);
  EXPECT_EQ(text(look_up(far_address)), far_mac);  // from the table
  EXPECT_EQ(text(look_up(far_address_v6)), far_mac);
}

TEST_F(NeighbourTest, is_asked_again_when_the_table_is_old) {
  ASSERT_TRUE(command_here("ip neigh replace 192.0.2.2 lladdr 02:ff:ff:ff:ff:ff nud stale dev near"));
  EXPECT_EQ(text(look_up(far_address)), far_mac);
}

TEST_F(NeighbourTest, whom_packets_go_to_is_told_as_the_table_stands_and_asked_for_only_where_it_has_nobody) {
  constexpr auto as_it_stands = NeighbourLookup::Entry::as_it_stands;
  ASSERT_TRUE(command_here("ip neigh replace 192.0.2.2 lladdr 02:ff:ff:ff:ff:ff nud stale dev near"));
  EXPECT_EQ(text(look_up(far_address, seconds(10), as_it_stands)), "02ffffffffff");
  command_here("ip neigh flush dev near");
  EXPECT_EQ(text(look_up(far_address, seconds(10), as_it_stands)), far_mac);
  EXPECT_EQ(look_up("192.0.2.78", milliseconds(50), as_it_stands).error(), NeighbourError::no_answer);
}

TEST_F(NeighbourTest, that_was_exchanged_for_another_is_found_out) {
  EXPECT_EQ(text(look_up(far_address)), far_mac);
  ASSERT_TRUE(command_next_door("ip link set far down"));
  ASSERT_TRUE(command_next_door("ip link set far address 02:00:00:00:00:99 up"));
  // Replaced, not changed: the kernel may have noticed that the link was down, and forgotten everybody on it.
  ASSERT_TRUE(command_here("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 nud stale dev near"));
  EXPECT_EQ(text(look_up(far_address)), "020000000099");
  ASSERT_TRUE(command_next_door("ip link set far down"));
  ASSERT_TRUE(command_next_door("ip link set far address 02:00:00:00:00:02 up"));
  ASSERT_TRUE(command_next_door("ip address replace 2001:db8:1::2/64 dev far nodad"));
  command_here("ip neigh flush dev near");
}

TEST_F(NeighbourTest, that_is_not_there_does_not_answer) {
  EXPECT_EQ(look_up("192.0.2.78", milliseconds(50)).error(), NeighbourError::no_answer);
}

TEST_F(NeighbourTest, behind_a_router_is_none) {
  EXPECT_EQ(look_up("203.0.113.1").error(), NeighbourError::not_on_link);
  EXPECT_EQ(look_up("2001:db8:2::1").error(), NeighbourError::not_on_link);
}

TEST_F(NeighbourTest, is_not_ourselves) {
  EXPECT_EQ(look_up(near_address).error(), NeighbourError::own_address);
  EXPECT_EQ(look_up("127.0.0.1").error(), NeighbourError::own_address);
}

class PingTest : public NeighbourTest {
 protected:
  Result<Duration, PingError> ping(const char* address, std::size_t payload_bytes, Duration within = seconds(10)) {
    std::optional<Result<Duration, PingError>> outcome;
    Ping attempt(loop, random, *IpAddress::parse(address), payload_bytes, within,
                 [&](auto result) { outcome = result; });
    EXPECT_TRUE(run_until(loop, [&] { return outcome.has_value(); }));
    return outcome ? *outcome : failure(PingError::failed);
  }
  SystemRandom random;
};

TEST_F(PingTest, is_answered_by_raw_sockets) {
  ASSERT_TRUE(command_here("sysctl -q -w 'net.ipv4.ping_group_range=1 0'"));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{56}, std::size_t{1'400},
                                 std::size_t{8'000}, Ping::payload_bytes_max}) {
    EXPECT_TRUE(ping(far_address, size)) << size;
    EXPECT_TRUE(ping(far_address_v6, size)) << size;
  }
}

TEST_F(PingTest, is_answered_by_the_kernels_echo_sockets) {
  ASSERT_TRUE(command_here("sysctl -q -w 'net.ipv4.ping_group_range=0 2147483647'"));
  EXPECT_TRUE(ping(far_address, 56));
  EXPECT_TRUE(ping(far_address_v6, 56));
  ASSERT_TRUE(command_here("sysctl -q -w 'net.ipv4.ping_group_range=1 0'"));
}

TEST_F(PingTest, that_nobody_answers_times_out) {
  ASSERT_TRUE(command_here("ip neigh replace 192.0.2.79 lladdr 02:00:00:00:00:79 nud permanent dev near"));
  EXPECT_EQ(ping("192.0.2.79", 56, milliseconds(50)).error(), PingError::timed_out);
}

TEST_F(PingTest, without_a_way_is_unreachable) {
  EXPECT_EQ(ping("2001:db8:2::1", 56).error(), PingError::unreachable);
}

TEST_F(PingTest, hears_that_the_host_cannot_be_reached) {
  ASSERT_TRUE(command_here("sysctl -q -w net.ipv4.neigh.near.retrans_time_ms=10"));
  EXPECT_EQ(ping("192.0.2.80", 56).error(), PingError::unreachable);
}

TEST_F(PingTest, many_at_once_get_each_their_own_answer) {
  std::vector<std::unique_ptr<Ping>> pings;
  int answered = 0;
  for (int i = 0; i < 20; i++) {
    pings.push_back(std::make_unique<Ping>(loop, random, *IpAddress::parse(far_address), 32, seconds(10),
                                           [&](auto result) { answered += result.has_value(); }));
  }
  EXPECT_TRUE(run_until(loop, [&] { return answered == 20; }));
}

}  // namespace
}  // namespace quoin::io
