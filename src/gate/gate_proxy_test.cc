// Control and relays through an HTTP proxy: who is asked for what, what may not be asked for, and what a refusal says.
#include <gtest/gtest.h>

#include "gate/errands.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

Config proxied_config(std::string_view url = "http://lab:hunter2@proxy.example.com:3128") {
  Config config = site_config();
  config.proxy = parse_proxy_url(url).value();
  return config;
}

struct ProxiedSite : Site {
  explicit ProxiedSite(Config with = proxied_config()) : Site(std::move(with)) {
    names["proxy.example.com"] = {at("192.168.77.8")};
    listening.insert({at("192.168.77.8"), 3128});
  }
  // What the tunnel got for a relay that it asked for.
  std::string relay(std::string host, std::optional<IpAddress> ipv4 = std::nullopt, std::uint16_t port = 443) {
    const std::size_t dialled = dials.size();
    const pair::RequestId request = ++last_request;
    say(1, pair::DialRelay{request, 900, std::move(host), ipv4, std::nullopt, port});
    for (const auto& failed : told<pair::Failed>(1)) {
      if (failed.request == request) return failed.why == pair::Unanswered::not_allowed ? "not allowed" : "failed";
    }
    if (dials.size() != dialled + 1) return "nothing dialled";
    return dials.back().through_proxy_to.empty() ? "directly" : dials.back().through_proxy_to;
  }
  DeviceStatus mfp() { return reply(command(StatusRequest{}))->open->front(); }

  pair::RequestId last_request = 100;
};

TEST(GateProxy, control_is_asked_of_the_proxy_by_name_and_resolved_by_nobody_here) {
  ProxiedSite site;
  site.names.erase("control.example.com");
  site.open("mfp");  // its tunnel dials control by itself
  ASSERT_EQ(site.dials.size(), 1U);
  EXPECT_EQ(site.dials[0].candidates, (std::vector<Endpoint>{{at("192.168.77.8"), 3128}}));
  EXPECT_EQ(site.dials[0].through_proxy_to, "control.example.com:443");
  EXPECT_EQ(site.told<pair::Connected>(1).size(), 1U);
  EXPECT_EQ(site.broken, std::vector<std::string>());
}

TEST(GateProxy, a_proxy_with_an_address_needs_no_resolver) {
  ProxiedSite site(proxied_config("http://192.168.77.8:3128"));
  site.names.clear();
  site.open("mfp");
  EXPECT_EQ(site.told<pair::Connected>(1).size(), 1U);
}

// The proxy's resolver may say something else than ours did: a host of the site, say.
TEST(GateProxy, a_relay_is_never_asked_for_by_a_name_but_by_the_address_that_was_judged) {
  ProxiedSite site;
  site.open("mfp");
  EXPECT_EQ(site.relay("relay.example.com"), "203.0.113.20:443");
  EXPECT_EQ(site.relay("unknown.example.com", at("203.0.113.20"), 8443), "203.0.113.20:8443");
  EXPECT_EQ(site.relay("203.0.113.20"), "203.0.113.20:443");
  EXPECT_EQ(site.relay("2001:db8::20"), "[2001:db8::20]:443");
  EXPECT_EQ(site.relay("10.1.2.3"), "10.1.2.3:443");  // vouched for
  EXPECT_EQ(site.broken, std::vector<std::string>());
}

TEST(GateProxy, a_relay_that_nobody_here_can_resolve_is_not_asked_for) {
  ProxiedSite site;
  site.open("mfp");
  EXPECT_EQ(site.relay("unknown.example.com"), "failed");
  EXPECT_EQ(site.dials.size(), 1U);  // control
  site.say(1, pair::Problem{pair::ProblemKind::relay_unreachable, "the tunnel's own words"});
  EXPECT_EQ(site.mfp().problem,
            "no relay can be reached (no address of the relay unknown.example.com can be found from here, so the proxy "
            "http://proxy.example.com:3128 was not asked for it; have this host's DNS know it, or list it in "
            "proxy.by_name)");
  site.name_servers_are_silent = true;
  EXPECT_EQ(site.relay("unknown.example.com"), "failed");
  EXPECT_NE(site.mfp().problem.find("can be found from here, since no name server has an answer, so the proxy"),
            std::string::npos)
      << site.mfp().problem;
}

TEST(GateProxy, each_judged_address_is_tried_and_none_that_was_not_judged) {
  ProxiedSite site;
  site.names["relay.example.com"] = {at("192.168.77.50"), at("203.0.113.20"), at("2001:db8::20")};
  site.open("mfp");
  site.proxy_refuses["203.0.113.20:443"] = {ProxyFault::status, 503};
  site.say(1, pair::DialRelay{200, 900, "relay.example.com", std::nullopt, std::nullopt, 443});
  std::vector<std::string> asked;
  for (const Dial& dial : site.dials) asked.push_back(dial.through_proxy_to);
  EXPECT_EQ(asked, (std::vector<std::string>{"control.example.com:443", "203.0.113.20:443", "[2001:db8::20]:443"}));
  EXPECT_EQ(site.told<pair::Connected>(1).size(), 2U);
  EXPECT_EQ(site.broken, std::vector<std::string>());
}

TEST(GateProxy, a_proxy_that_takes_no_addresses_is_asked_by_name_only_for_listed_relays) {
  Config config = proxied_config();
  config.proxy->by_name = {"listed.example.com"};
  ProxiedSite site(config);
  site.open("mfp");
  site.proxy_refuses["203.0.113.20:443"] = {ProxyFault::status, 403};
  site.proxy_refuses["[2001:db8::20]:443"] = {ProxyFault::status, 403};
  EXPECT_EQ(site.relay("relay.example.com"), "failed");  // and not by name after all
  EXPECT_EQ(site.dials.back().through_proxy_to, "[2001:db8::20]:443");
  site.say(1, pair::Problem{pair::ProblemKind::relay_unreachable, "the tunnel's own words"});
  EXPECT_NE(site.mfp().problem.find("does not allow connections to [2001:db8::20]:443 (status 403); if it takes no "
                                    "addresses, list relay.example.com in proxy.by_name"),
            std::string::npos)
      << site.mfp().problem;
  EXPECT_EQ(site.relay("Listed.example.com"), "Listed.example.com:443");
  EXPECT_EQ(site.relay("x.listed.example.com"), "failed");
}

TEST(GateProxy, what_no_relay_may_be_is_not_asked_of_the_proxy_either) {
  ProxiedSite site;
  site.names["intranet.example.com"] = {at("192.168.77.21"), at("192.168.77.50")};
  site.names["localhost.example.com"] = {at("127.0.0.1")};
  site.names["lan-v6.example.com"] = {at("fd00:77::50")};
  site.open("mfp");
  for (const char* host : {"192.168.77.21", "127.0.0.1", "10.9.9.9", "169.254.169.254", "fe80::1",
                           "intranet.example.com", "localhost.example.com", "lan-v6.example.com"}) {
    EXPECT_EQ(site.relay(host), "not allowed") << host;
  }
  for (const char* host : {"printer", "mfp.local", "127.1", "a..b", "", "relay.example.com:443", "a b.example.com",
                           "x.example.com\r\nHost: y"}) {
    EXPECT_EQ(site.relay(host), "failed") << host;
  }
  EXPECT_EQ(site.relay("relay.example.com", at("192.168.77.21")), "not allowed");
  EXPECT_EQ(site.relay("relay.example.com", at("203.0.113.20"), 0), "not allowed");
  EXPECT_EQ(site.dials.size(), 1U);  // control
}

TEST(GateProxy, exceptions_are_reached_directly_with_the_guard_of_direct_connections) {
  Config config = proxied_config();
  ASSERT_TRUE(config.proxy->none_for.add("relay.example.com"));
  ASSERT_TRUE(config.proxy->none_for.add("203.0.113.0/24"));
  ASSERT_TRUE(config.proxy->none_for.add("192.168.0.0/16"));
  ProxiedSite site(config);
  site.open("mfp");
  EXPECT_EQ(site.relay("relay.example.com"), "directly");
  EXPECT_EQ(site.relay("other.example.com", at("203.0.113.20")), "directly");
  site.names["other.example.com"] = {at("198.51.100.20")};
  EXPECT_EQ(site.relay("other.example.com"), "198.51.100.20:443");
  EXPECT_EQ(site.relay("192.168.77.50"), "not allowed");
}

TEST(GateProxy, devices_and_stun_have_no_use_for_it) {
  ProxiedSite site;
  const SessionId mfp = site.open_with_alice();
  site.say(mfp, pair::DialService{7, node_key(1), pair::Transport::tcp, 80});
  EXPECT_EQ(site.dials.back().through_proxy_to, "");
  EXPECT_EQ(site.dials.back().candidates, (std::vector<Endpoint>{{at("192.168.77.21"), 80}}));
  site.say(mfp, pair::ResolveStun{8, "relay.example.com", std::nullopt, std::nullopt, 3478});
  EXPECT_EQ(site.told<pair::Resolved>(mfp).size(), 1U);
}

TEST(GateProxy, a_password_that_is_not_taken_ends_the_opening_at_once_and_names_the_proxy) {
  ProxiedSite site;
  site.manner = SimulatedEdge::Manner::silent;
  site.proxy_refuses["control.example.com:443"] = {ProxyFault::status, 407};
  const CommandId open = site.open("mfp");
  site.say(1, pair::DialControl{7});
  EXPECT_EQ(site.told<pair::Failed>(1).at(0).why, pair::Unanswered::behind_proxy);
  EXPECT_FALSE(site.reply(open));
  site.say(1, pair::Problem{pair::ProblemKind::control_unreachable, "the tunnel's own words"});
  site.exit_child(1, "exit status 0");
  ASSERT_TRUE(site.reply(open));
  EXPECT_EQ(site.reply(open)->text,
            "The control server https://control.example.com:443 cannot be reached (the proxy "
            "http://proxy.example.com:3128 does not take the user and password (status 407)); check the network and "
            "proxy.url.");
  EXPECT_EQ(site.reply(open)->code, ExitCode::not_reachable);
  for (const std::string& line : site.audit_lines()) EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
}

TEST(GateProxy, a_proxy_that_is_gone_stands_in_the_status_until_it_connects_again) {
  ProxiedSite site;
  site.open("mfp");
  site.listening.erase({at("192.168.77.8"), 3128});
  site.proxy_refuses["203.0.113.20:443"] = {ProxyFault::refused};
  EXPECT_EQ(site.relay("relay.example.com"), "failed");
  site.say(1, pair::Problem{pair::ProblemKind::relay_unreachable, "the tunnel's own words"});
  EXPECT_EQ(site.mfp().problem,
            "no relay can be reached (the proxy http://proxy.example.com:3128 refused the connection)");
  EXPECT_EQ(site.mfp().state, "open");
  site.proxy_refuses.clear();
  site.listening.insert({at("192.168.77.8"), 3128});
  EXPECT_EQ(site.relay("relay.example.com"), "203.0.113.20:443");
  site.say(1, pair::Solved{pair::ProblemKind::relay_unreachable});
  EXPECT_EQ(site.mfp().problem, "");
}

TEST(GateProxy, a_proxy_without_an_address_or_with_a_devices_is_said_to_be_so) {
  for (const auto& [address, sentence] : std::vector<std::pair<std::vector<IpAddress>, std::string>>{
           {{}, "has a name without an address"},
           {{at("192.168.77.21")}, "has an address that no proxy can have"},
           {{at("224.0.0.1")}, "has an address that no proxy can have"}}) {
    ProxiedSite site;
    site.names["proxy.example.com"] = address;
    site.manner = SimulatedEdge::Manner::silent;
    const CommandId open = site.open("mfp");
    site.say(1, pair::DialControl{7});
    EXPECT_EQ(site.told<pair::Failed>(1).at(0).why, pair::Unanswered::behind_proxy);
    EXPECT_TRUE(site.dials.empty());
    site.say(1, pair::Problem{pair::ProblemKind::control_unreachable, ""});
    if (!address.empty() && site.tunnels.at(1).running) site.exit_child(1, "exit status 0");
    ASSERT_EQ(site.tunnels.at(1).running, address.empty());  // what a name has may change; what was decided does not
    const auto of_opening = address.empty() ? site.mfp().problem : site.reply(open).value().text;
    EXPECT_NE(of_opening.find(sentence), std::string::npos) << of_opening;
  }
}

TEST(GateProxy, dials_through_it_count_against_the_limit) {
  ProxiedSite site;
  site.open("mfp");
  site.hold_dials = true;
  for (std::size_t i = 0; i <= Errands::server_dials_max; i++) {
    site.say(1, pair::DialControl{static_cast<pair::RequestId>(i + 1)});
  }
  const auto failed = site.told<pair::Failed>(1);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].why, pair::Unanswered::too_many);
}

}  // namespace
}  // namespace quoin::gate
