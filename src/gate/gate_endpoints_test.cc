// Where a tunnel that was taken over can send datagrams. The edge itself notes every socket that is connected to
// anything but a public address, and every one that outlives what allowed it.
#include <gtest/gtest.h>

#include "gate/endpoint_sockets.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

struct OpenSite : Site {
  SessionId session = open_with_alice("mfp", "4h");
  pair::RequestId last = 100;

  // Nothing if it is connected.
  std::optional<pair::Unanswered> want(const Endpoint& to) {
    const std::size_t before = told<pair::Failed>(session).size();
    say(session, pair::WantEndpoint{++last, to});
    const auto failed = told<pair::Failed>(session);
    if (failed.size() > before) return failed.back().why;
    EXPECT_EQ(told<pair::Connected>(session).back().request, last);
    return std::nullopt;
  }
  std::optional<pair::Unanswered> want(std::string_view to) { return want(endpoint(to)); }
};

TEST(GateEndpoints, a_public_address_is_connected) {
  OpenSite site;
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_EQ(site.want("[2001:db8::200]:41641"), std::nullopt);
  EXPECT_EQ(site.connected_udp.size(), 2U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, no_address_of_the_site_is_connected) {
  OpenSite site;
  site.config.relay.allow = {};
  for (const char* refused : {"192.168.77.21:9100",
                              "192.168.77.22:161",
                              "192.168.77.50:445",
                              "192.168.77.255:9",
                              "192.168.77.1:53",
                              "127.0.0.1:53",
                              "127.1.2.3:1",
                              "10.1.2.4:3478",
                              "172.16.0.1:1",
                              "100.64.0.9:1",
                              "169.254.169.254:80",
                              "224.0.0.251:5353",
                              "239.255.255.250:1900",
                              "255.255.255.255:67",
                              "0.0.0.0:1",
                              "203.0.113.200:0",
                              "[::1]:53",
                              "[fe80::1]:5353",
                              "[ff02::fb]:5353",
                              "[fd00::1]:1",
                              "[::]:1",
                              "[64:ff9b::c0a8:4d15]:1",
                              "[2002:c0a8:4d15::1]:1"}) {
    EXPECT_EQ(site.want(refused), pair::Unanswered::not_allowed) << refused;
  }
  EXPECT_TRUE(site.connected_udp.empty());
  EXPECT_EQ(site.running(), 1U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, what_the_person_at_the_agent_vouched_for_is_connected_but_no_device) {
  Config config = site_config();
  config.relay.allow = {*Prefix::parse("10.1.2.3/32"), *Prefix::parse("192.168.77.0/24")};
  Site site(config);
  const SessionId session = site.open_with_alice();
  site.say(session, pair::WantEndpoint{1, endpoint("10.1.2.3:3478")});
  site.say(session, pair::WantEndpoint{2, endpoint("192.168.77.21:161")});
  EXPECT_EQ(site.connected_udp.size(), 1U);
  EXPECT_EQ(site.told<pair::Failed>(session).back().why, pair::Unanswered::not_allowed);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, they_are_so_many_at_most_whatever_is_asked_for) {
  OpenSite site;
  std::size_t connected = 0;
  for (std::uint32_t n = 0; n < 5000; n++) {
    const auto why = site.want(Endpoint{IpAddress::v4(0xcb00'0000U + n), 41'641});
    if (!why) connected++;
    if (why) EXPECT_EQ(why, pair::Unanswered::too_many);
  }
  EXPECT_EQ(connected, EndpointSockets::connected_max);
  EXPECT_EQ(site.connected_udp.size(), EndpointSockets::connected_max);
  EXPECT_EQ(site.running(), 1U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, given_back_and_asked_for_again_they_are_paced) {
  OpenSite site;
  std::size_t connected = 0;
  const auto churn = [&](std::uint32_t count) {
    for (std::uint32_t n = 0; n < count; n++) {
      const Endpoint to{IpAddress::v4(0xcb00'0000U + n), 41'641};
      if (!site.want(to)) connected++;
      site.say(site.session, pair::EndpointUnneeded{to});
    }
  };
  churn(2000);
  EXPECT_EQ(connected, EndpointSockets::asked_burst);
  EXPECT_TRUE(site.connected_udp.empty());
  site.pass(seconds(10));
  churn(2000);
  EXPECT_EQ(connected, EndpointSockets::asked_burst + 10 * EndpointSockets::asked_per_second);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, one_that_is_asked_for_twice_sends_by_one_socket) {
  OpenSite site;
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_EQ(site.connected_udp.size(), 1U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, nothing_is_sent_into_a_network_that_the_host_has_moved_into) {
  OpenSite site;
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_EQ(site.want("198.51.100.7:41641"), std::nullopt);
  site.host.interfaces.push_back({at("203.0.113.9"), 24});
  site.give(HostChanged{site.host});
  EXPECT_TRUE(site.connected_udp.empty());
  EXPECT_EQ(site.want("203.0.113.200:41641"), pair::Unanswered::not_allowed);
  EXPECT_EQ(site.want("198.51.100.7:41641"), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, when_another_way_leads_out_they_are_connected_anew_by_it) {
  OpenSite site;
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  site.host.default_routes = {{.interface = 3, .metric = 100}};
  site.give(HostChanged{site.host});
  EXPECT_TRUE(site.connected_udp.empty());
  EXPECT_EQ(site.told<pair::OwnPrefixes>(site.session).size(), 1U);
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, nothing_is_sent_while_the_networks_of_the_host_cannot_be_read) {
  OpenSite site;
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  site.give(HostChanged{failure<std::string>("netlink is refused")});
  EXPECT_TRUE(site.connected_udp.empty());
  EXPECT_EQ(site.want("203.0.113.200:41641"), pair::Unanswered::unreachable);
  EXPECT_EQ(site.told<pair::OwnPrefixes>(site.session).size(), 1U);
  site.give(HostChanged{site.host});
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, nothing_is_sent_once_it_is_closed_though_the_tunnel_still_runs) {
  OpenSite site;
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  site.manner = SimulatedEdge::Manner::stopped;
  site.command(CloseRequest{});
  EXPECT_EQ(site.running(), 1U);
  EXPECT_TRUE(site.connected_udp.empty());
  EXPECT_TRUE(site.bound_udp.empty());
  site.say(site.session, pair::WantEndpoint{900, endpoint("203.0.113.200:41641")});
  EXPECT_TRUE(site.connected_udp.empty());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, new_sockets_void_the_earlier_ones) {
  OpenSite site;
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  site.bound_udp.insert(801);
  site.give(UdpBound{site.session, 801, std::nullopt});
  EXPECT_TRUE(site.connected_udp.empty());
  EXPECT_EQ(site.bound_udp, std::set<HandleId>{801});
  EXPECT_EQ(site.want("[2001:db8::200]:41641"), pair::Unanswered::unreachable);
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, a_request_id_in_use_cannot_be_used_for_one) {
  OpenSite site;
  site.hold_dials = true;
  site.say(site.session, pair::DialService{9, node_key(1), pair::Transport::tcp, 80});
  site.say(site.session, pair::WantEndpoint{9, endpoint("203.0.113.200:41641")});
  EXPECT_TRUE(site.tunnels.at(site.session).killed);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateEndpoints, what_cannot_be_connected_is_told) {
  OpenSite site;
  site.connecting_udp_fails = pair::Unanswered::unreachable;
  EXPECT_EQ(site.want("203.0.113.200:41641"), pair::Unanswered::unreachable);
  site.connecting_udp_fails.reset();
  EXPECT_EQ(site.want("203.0.113.200:41641"), std::nullopt);
  EXPECT_PROMISES_KEPT(site);
}

}  // namespace
}  // namespace quoin::gate
