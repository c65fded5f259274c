// FTP's data connections at the gate: one for each port that was announced over an open control connection, on the
// pinned device, among those that the person at the agent has named for it, within ten seconds; and whoever announces
// anything else.
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
  explicit FtpSite(std::string services = "ftp", Config with = site_config()) : Site(std::move(with)) {
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
  // Whether a port is opened once the device, or the tunnel in its name, has announced it.
  bool opens(std::uint16_t port) {
    listening.insert({at("192.168.77.21"), port});
    announce(port);
    return connects(port);
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

TEST(GateFtp, an_announcement_is_over_after_ten_seconds) {
  FtpSite site;
  site.announce(50'000);
  site.pass(seconds(10));
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
}

Config with_passive_ports(std::uint16_t first, std::uint16_t last) {
  Config config = site_config();
  config.devices[0].ftp_passive_ports = {first, last};
  return config;
}

// A device can be made to print "227 y (1,1,1,1,35,140)" by a file's name, and a taken-over tunnel says what it likes.
TEST(GateFtp, a_port_outside_of_the_passive_ones_is_not_opened_whoever_announces_it) {
  FtpSite site;
  for (const std::uint16_t port : {9100, 1024, 2049, 8080, 35'140, 49'151}) EXPECT_FALSE(site.opens(port)) << port;
  EXPECT_TRUE(site.opens(49'152));
  EXPECT_TRUE(site.opens(65'535));
  EXPECT_FALSE(site.was_killed());  // what a device says is not its tunnel's fault
  EXPECT_NE(site.audit_file().find(
                R"("port":9100,"outcome":"the device named it for FTP data: not in ftp.passive_ports","count":1)"),
            std::string::npos)
      << site.last_record("attempts");
  ASSERT_EQ(site.log.size(), 1U);  // said once
  EXPECT_EQ(
      site.log.front(),
      "mfp named port 9100 for FTP data, which was not opened: it is not among its ftp.passive_ports, 49152-65535; "
      "where its own settings have another range for FTP, write that into the configuration");
  EXPECT_PROMISES_KEPT(site);

  FtpSite narrow("ftp", with_passive_ports(50'000, 50'009));
  EXPECT_FALSE(narrow.opens(49'999));
  EXPECT_TRUE(narrow.opens(50'000));
  EXPECT_TRUE(narrow.opens(50'009));
  EXPECT_FALSE(narrow.opens(50'010));
}

TEST(GateFtp, no_port_that_prints_or_has_a_services_name_is_opened_whatever_range_is_configured) {
  FtpSite site("ftp", with_passive_ports(1024, 65'535));
  for (const std::uint16_t port : {2501, 3001, 3910, 5358, 6101, 8000, 8010, 8080, 8443, 9100,  9101,
                                   9102, 9103, 9104, 9105, 9106, 9107, 9200, 9400, 9500, 54'921}) {
    EXPECT_FALSE(site.opens(port)) << port;
    site.pass(seconds(1));
  }
  for (const std::uint16_t port : {1024, 9099, 9108}) EXPECT_TRUE(site.opens(port)) << port;
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, whoever_has_one_port_after_the_other_announced_does_not_come_far) {
  FtpSite site;
  site.say(1, pair::DialService{101, node_key(2), pair::Transport::tcp, pair::ftp_control_port});
  std::size_t opened = 0;
  for (int second = 0; second < 10; second++) {
    for (std::uint16_t i = 0; i < 100; i++) {
      opened += static_cast<std::size_t>(site.opens(static_cast<std::uint16_t>(50'000 + 100 * second + i)));
    }
    site.pass(seconds(1));
  }
  EXPECT_LE(opened, FtpDataPorts::burst + 10 * FtpDataPorts::per_second);
  EXPECT_GE(opened, FtpDataPorts::burst);
  site.announce(60'000, 2);  // and keeps nobody else from it
  site.listening.insert({at("192.168.77.21"), 60'000});
  EXPECT_TRUE(site.connects(60'000, 2));
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateFtp, is_opened_only_where_it_is_named) {
  Site site;
  const SessionId session = site.open_with_alice();  // without a list of services
  site.listening.insert({at("192.168.77.21"), pair::ftp_control_port});
  site.say(session, pair::DialService{9, node_key(1), pair::Transport::tcp, pair::ftp_control_port});
  ASSERT_EQ(site.told<pair::Failed>(session).size(), 1U);
  EXPECT_EQ(site.told<pair::Failed>(session)[0].why, pair::Unanswered::not_allowed);
  EXPECT_EQ(FtpSite("all").told<pair::Connected>(1).size(), 2U);  // control server, and the printer's port 21
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
  constexpr std::uint16_t last = 60'000 + FtpDataPorts::burst - 1;
  for (std::uint16_t port = 60'000; port < last; port++) site.announce(port);
  site.announce(50'000);
  std::size_t connected = 0;
  for (std::uint16_t port = 60'000; port < last; port++) {
    site.listening.insert({at("192.168.77.21"), port});
    connected += static_cast<std::size_t>(site.connects(port));
  }
  EXPECT_EQ(connected, pair::FtpPorts::open_of_one_max - 1);
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
