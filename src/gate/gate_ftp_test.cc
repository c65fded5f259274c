// FTP's data connections at the gate: one for each port that was announced over an open control connection, on the
// pinned device, unprivileged, within a minute; and a tunnel that announces anything else.
#include <algorithm>

#include <gtest/gtest.h>

#include "gate/simulated_site.h"
#include "pair/ftp_ports.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

constexpr pair::RequestId control_request = 100;
const Endpoint data_endpoint{at("192.168.77.21"), 50'000};

// A device with FTP, open for alice with these services, and her control connection.
struct FtpSite : Site {
  explicit FtpSite(std::string services = "ftp") {
    listening.insert({at("192.168.77.21"), pair::ftp_control_port});
    for (int port = 1; port < 65'536; port += port < 1100 || port == 49'999 ? 1 : 997) {
      listening.insert({at("192.168.77.21"), static_cast<std::uint16_t>(port)});
    }
    listening.insert(data_endpoint);
    command(OpenRequest{"mfp", "30m", std::move(services), {}, ""});
    say(1, pair::Admit{node_key(1), "alice@example.com", false});
    say(1, pair::Admit{node_key(2), "bob@example.com", false});
    say(1, pair::DialService{control_request, node_key(1), pair::Transport::tcp, pair::ftp_control_port});
  }
  void announce(std::uint16_t port, int key = 1) { say(1, pair::FtpData{node_key(key), port}); }
  bool connects(std::uint16_t port, int key = 1, pair::Transport transport = pair::Transport::tcp) {
    const pair::RequestId request = ++last_request;
    say(1, pair::DialService{request, node_key(key), transport, port});
    const auto connected = told<pair::Connected>(1);
    return std::ranges::any_of(connected, [&](const auto& each) { return each.request == request; });
  }
  bool was_killed() const { return tunnels.at(1).killed; }
  pair::RequestId last_request = 1000;
};

TEST(GateFtp, an_announced_port_is_connected_once_and_recorded_as_what_it_is) {
  FtpSite site;
  EXPECT_FALSE(site.connects(50'000));
  site.announce(50'000);
  EXPECT_TRUE(site.connects(50'000));
  EXPECT_NE(site.last_record("flow_opened").find(R"("service":"ftp-data","transport":"tcp","port":50000)"),
            std::string::npos)
      << site.last_record("flow_opened");
  EXPECT_FALSE(site.connects(50'000));
  EXPECT_FALSE(site.was_killed());
  EXPECT_EQ(site.dials.back().candidates.front(), data_endpoint);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, an_announcement_opens_no_other_port_no_udp_and_nothing_for_another_engineer) {
  FtpSite site;
  site.announce(50'000);
  EXPECT_FALSE(site.connects(50'001));
  EXPECT_FALSE(site.connects(50'000, 1, pair::Transport::udp));
  EXPECT_FALSE(site.connects(50'000, 2));
  EXPECT_FALSE(site.connects(80));
  EXPECT_TRUE(site.connects(50'000));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, an_announcement_is_over_after_a_minute) {
  FtpSite site;
  site.announce(50'000);
  site.pass(pair::FtpPorts::lasts);
  EXPECT_FALSE(site.connects(50'000));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, announced_twice_is_one_connection) {
  FtpSite site;
  site.announce(50'000);
  site.announce(50'000);
  EXPECT_TRUE(site.connects(50'000));
  EXPECT_FALSE(site.connects(50'000));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, announcements_are_nothing_once_the_control_connection_is_gone) {
  FtpSite site;
  site.announce(50'000);
  site.say(1, pair::FlowClosed{control_request, 10, 10});
  EXPECT_FALSE(site.connects(50'000));
  site.announce(50'000);
  EXPECT_TRUE(site.was_killed());  // a tunnel of ours announces nothing without one
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, a_tunnel_that_announces_a_privileged_port_is_killed) {
  for (const std::uint16_t port : {0, 1, 21, 22, 23, 80, 443, 515, 631, 1023}) {
    FtpSite site;
    site.announce(port);
    EXPECT_TRUE(site.was_killed()) << port;
    EXPECT_NE(site.last_record("closed").find("the tunnel broke the rules"), std::string::npos);
    EXPECT_PROMISES_KEPT(site);
  }
  FtpSite site;
  site.announce(1024);
  EXPECT_FALSE(site.was_killed());
  EXPECT_TRUE(site.connects(1024));
}

TEST(GateFtp, a_tunnel_that_announces_without_ftp_in_the_warrant_is_killed) {
  FtpSite site("web,raw");
  site.announce(50'000);
  EXPECT_TRUE(site.was_killed());
  EXPECT_FALSE(site.connects(50'000));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, a_tunnel_that_announces_for_a_stranger_or_for_somebody_without_ftp_session_is_killed) {
  for (const int key : {2, 3}) {  // bob has no control connection; nobody knows 3
    FtpSite site;
    site.announce(50'000, key);
    EXPECT_TRUE(site.was_killed()) << key;
    EXPECT_PROMISES_KEPT(site);
  }
}

TEST(GateFtp, many_announcements_leave_the_newest_few) {
  FtpSite site;
  for (std::uint16_t port = 40'000; port < 40'200; port++) site.announce(port);
  site.announce(50'000);
  std::size_t connected = 0;
  for (std::uint16_t port = 40'000; port < 40'200; port++) {
    site.listening.insert({at("192.168.77.21"), port});
    connected += site.connects(port);
  }
  EXPECT_EQ(connected, pair::FtpPorts::open_max - 1);
  EXPECT_TRUE(site.connects(50'000));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, a_million_announcements_end_the_tunnel_and_not_the_gate) {
  FtpSite site;
  int said = 0;
  while (said < 1'000'000 && !site.was_killed()) site.announce(static_cast<std::uint16_t>(1024 + said++ % 60'000));
  EXPECT_TRUE(site.was_killed());
  EXPECT_LE(said, 20'100);
  EXPECT_NE(site.last_record("closed").find("too many messages"), std::string::npos);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, nothing_is_connected_after_the_deadline) {
  FtpSite site;
  site.pass(minutes(30) - seconds(1));
  site.announce(50'000);
  site.pass(seconds(1));
  EXPECT_FALSE(site.connects(50'000));
  EXPECT_PROMISES_KEPT(site);
}

}  // namespace
}  // namespace quoin::gate
