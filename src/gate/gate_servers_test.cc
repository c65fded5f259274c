// Which servers a tunnel may have dialled or resolved: the control server, relays, STUN servers.
#include <algorithm>

#include <gtest/gtest.h>

#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

std::optional<pair::Unanswered> failure_of(const Site& site, SessionId session, pair::RequestId id) {
  for (const auto& each : site.told<pair::Failed>(session)) {
    if (each.request == id) return each.why;
  }
  return std::nullopt;
}
bool connected(const Site& site, SessionId session, pair::RequestId id) {
  const auto told = site.told<pair::Connected>(session);
  return std::ranges::find(told, id, &pair::Connected::request) != told.end();
}

TEST(GateServers, control_is_where_the_configuration_says_wherever_that_is) {
  Config config = site_config();
  config.control.host = "10.9.8.7";
  Site site(config);
  site.listening.insert({at("10.9.8.7"), 443});
  site.open("mfp");
  ASSERT_FALSE(site.dials.empty());
  EXPECT_EQ(site.dials[0].candidates, (std::vector<Endpoint>{{at("10.9.8.7"), 443}}));
  EXPECT_EQ(site.running(), 1U);
}

TEST(GateServers, a_control_name_that_leads_into_the_site_is_not_dialled_unless_somebody_vouched_for_it) {
  for (const auto& addresses : {std::vector<IpAddress>{},
                                {at("0.0.0.0")},
                                {at("224.0.0.1")},
                                {at("192.168.77.22")},
                                {at("192.168.77.50")},
                                {at("127.0.0.1")},
                                {at("10.9.8.7")}}) {
    Site site;
    site.names["control.example.com"] = addresses;
    site.manner = SimulatedEdge::Manner::silent;
    site.open("mfp");
    site.say(1, pair::DialControl{1});
    EXPECT_TRUE(site.dials.empty());
    EXPECT_TRUE(failure_of(site, 1, 1));
  }
}

TEST(GateServers, a_private_control_server_that_somebody_vouched_for_is_dialled_by_its_name) {
  Site site;
  site.names["control.example.com"] = {at("10.1.2.3")};
  site.listening.insert({at("10.1.2.3"), 443});
  site.open("mfp");
  ASSERT_FALSE(site.dials.empty());
  EXPECT_EQ(site.dials[0].candidates, (std::vector<Endpoint>{{at("10.1.2.3"), 443}}));
}

TEST(GateServers, relays_and_stun_servers_pass_the_endpoint_guard) {
  struct Case {
    std::string host;
    std::optional<IpAddress> address;
    std::optional<pair::Unanswered> failed;
  };
  const std::vector<Case> cases = {
      {"relay.example.com", {}, {}},
      {"", at("203.0.113.20"), {}},
      {"203.0.113.20", {}, {}},
      {"", at("10.1.2.3"), {}},  // vouched for
      {"", at("10.1.2.4"), pair::Unanswered::not_allowed},
      {"192.168.77.21", {}, pair::Unanswered::not_allowed},
      {"", at("192.168.77.40"), pair::Unanswered::not_allowed},
      {"", at("127.0.0.1"), pair::Unanswered::not_allowed},
      {"localhost", {}, pair::Unanswered::not_allowed},
      {"lan.example.com", {}, pair::Unanswered::not_allowed},
      {"nowhere.example.com", {}, pair::Unanswered::not_resolved},
      {"127.1", {}, pair::Unanswered::not_resolved},
      {"not a name", {}, pair::Unanswered::not_resolved},
  };
  for (const Case& each : cases) {
    Site site;
    const SessionId session = site.open_with_alice();
    site.names["localhost"] = {at("127.0.0.1"), at("::1")};
    site.names["lan.example.com"] = {at("192.168.77.21"), at("fe80::1"), at("100.64.0.9")};
    site.say(session, pair::DialRelay{50, 900, each.host, each.address, std::nullopt, 443});
    site.say(session, pair::ResolveStun{51, each.host, each.address, std::nullopt, 3478});
    EXPECT_EQ(failure_of(site, session, 50), each.failed) << each.host;
    EXPECT_EQ(failure_of(site, session, 51), each.failed) << each.host;
    EXPECT_EQ(connected(site, session, 50), !each.failed) << each.host;
    EXPECT_EQ(site.told<pair::Resolved>(session).size(), each.failed ? 0U : 1U) << each.host;
    EXPECT_PROMISES_KEPT(site);
  }
}

TEST(GateServers, a_name_that_no_name_server_answers_for_is_told_from_one_that_does_not_exist) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.name_servers_are_silent = true;
  site.say(session, pair::DialRelay{50, 900, "unknown.example.com", std::nullopt, std::nullopt, 443});
  site.say(session, pair::ResolveStun{51, "unknown.example.com", std::nullopt, std::nullopt, 3478});
  EXPECT_EQ(failure_of(site, session, 50), pair::Unanswered::names_unanswered);
  EXPECT_EQ(failure_of(site, session, 51), pair::Unanswered::names_unanswered);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateServers, a_mixed_name_keeps_only_its_public_addresses) {
  Site site;
  const SessionId session = site.open_with_alice();
  site.names["relay.example.com"] = {at("192.168.77.21"), at("203.0.113.20"), at("127.0.0.1")};
  site.say(session, pair::ResolveStun{51, "relay.example.com", {}, {}, 3478});
  const auto resolved = site.told<pair::Resolved>(session);
  ASSERT_EQ(resolved.size(), 1U);
  EXPECT_EQ(resolved[0].endpoints, (std::vector<Endpoint>{{at("203.0.113.20"), 3478}}));
}

}  // namespace
}  // namespace quoin::gate
