// The small languages of the command line and the configuration: durations, service lists, MAC addresses, logins.
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gate/calendar.h"
#include "gate/control_url.h"
#include "gate/duration_text.h"
#include "gate/engineers.h"
#include "gate/mac_address.h"
#include "gate/service_list.h"

namespace quoin::gate {
namespace {

using pair::Transport;

TEST(DurationText, reads_whole_numbers_with_one_unit) {
  EXPECT_EQ(parse_duration("45s"), seconds(45));
  EXPECT_EQ(parse_duration("30m"), minutes(30));
  EXPECT_EQ(parse_duration("4h"), hours(4));
  EXPECT_EQ(parse_duration("0s"), seconds(0));
  for (const std::string_view text : {"", "s", "4", "h4", "-4h", "+4h", "4.5h", "4 h", " 4h", "4h ", "4H", "4d", "4ms",
                                      "1h30m", "nan", "1e3s", "0x10s", "９s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(DurationText, takes_what_is_longer_than_a_year_for_a_year) {
  for (const std::string_view text :
       {"8785h", "99999999h", "18446744073709551616s", "1000000000000000000000000000000h"}) {
    EXPECT_EQ(parse_duration(text), hours(24) * 366) << text;
  }
}

TEST(DurationText, writes_the_largest_exact_unit) {
  EXPECT_EQ(duration_text(hours(4)), "4h");
  EXPECT_EQ(duration_text(minutes(90)), "90m");
  EXPECT_EQ(duration_text(seconds(61)), "61s");
  EXPECT_EQ(duration_text(seconds(0)), "0s");
}

TEST(ServiceList, named_services_have_their_ports) {
  const auto services = parse_services("web,ipp,snmp,raw,lpd,ftp,telnet,ssh,ping");
  ASSERT_TRUE(services);
  const auto usual = parse_services("web,ipp,snmp,raw,lpd,telnet,ssh,ping");
  ASSERT_TRUE(usual);
  EXPECT_EQ(*usual, usual_services());
  for (const int port : {80, 443, 8000, 8080, 8443, 631, 9100, 9101, 9102, 9103, 515, 21, 23, 22}) {
    EXPECT_TRUE(services->allows(Transport::tcp, static_cast<std::uint16_t>(port))) << port;
  }
  EXPECT_TRUE(services->allows(Transport::udp, 161));
  EXPECT_TRUE(services->ping);
  for (const int port : {0, 20, 81, 161, 9099, 9104, 65535}) {
    EXPECT_FALSE(services->allows(Transport::tcp, static_cast<std::uint16_t>(port))) << port;
  }
  EXPECT_FALSE(services->allows(Transport::udp, 80));
}

TEST(ServiceList, opens_exactly_the_ports_named_and_no_other) {
  const auto services = parse_services("tcp/2000,udp/47545");
  ASSERT_TRUE(services);
  EXPECT_FALSE(services->ping);
  for (int port = 0; port <= 65535; port++) {
    const auto number = static_cast<std::uint16_t>(port);
    ASSERT_EQ(services->allows(Transport::tcp, number), port == 2000) << port;
    ASSERT_EQ(services->allows(Transport::udp, number), port == 47545) << port;
  }
}

TEST(ServiceList, all_is_every_port_but_not_port_zero) {
  const auto services = parse_services("all");
  ASSERT_TRUE(services);
  EXPECT_TRUE(services->allows(Transport::tcp, 1));
  EXPECT_TRUE(services->allows(Transport::udp, 65535));
  EXPECT_FALSE(services->allows(Transport::tcp, 0));
  EXPECT_TRUE(services->ping);
  EXPECT_EQ(service_names(*services), std::vector<std::string>{"all"});
}

TEST(ServiceList, refuses_what_is_no_service) {
  for (const std::string_view list : {"", ",", "web,", ",web", "Web", " web", "tcp", "tcp/", "tcp/0", "tcp/65536",
                                      "tcp/-1", "tcp/080", "tcp/80-90", "icmp/1", "tcp/+1", "sctp/80", "web;ssh"}) {
    EXPECT_FALSE(parse_services(list)) << list;
  }
  std::string long_list = "tcp/1";
  for (std::size_t port = 2; port <= service_entries_max; port++) long_list += ",tcp/" + std::to_string(port);
  EXPECT_TRUE(parse_services(long_list));
  long_list += ",tcp/9999";
  EXPECT_EQ(parse_services(long_list).error(),
            "The list of services has more than 64 entries; use all for every port.");
}

TEST(ServiceList, refuses_services_that_have_something_in_common_and_names_the_two) {
  const std::vector<std::array<std::string, 3>> cases = {{"web,tcp/443", "web", "tcp/443"},
                                                         {"tcp/9101,ping,raw", "tcp/9101", "raw"},
                                                         {"snmp,udp/161", "snmp", "udp/161"},
                                                         {"all,ping", "all", "ping"},
                                                         {"web,all,tcp/9999", "web", "all"}};
  for (const auto& [list, first, second] : cases) {
    const auto services = parse_services(list);
    ASSERT_FALSE(services) << list;
    EXPECT_EQ(services.error(), "The services " + first + " and " + second + " overlap; leave one of them out.");
  }
  EXPECT_EQ(parse_services("web,ping,web").error(), "The service web is named twice; name it once.");
  EXPECT_EQ(parse_services("tcp/80,tcp/80").error(), "The service tcp/80 is named twice; name it once.");
  EXPECT_TRUE(parse_services("snmp,tcp/161")) << "of two protocols";
}

TEST(ServiceList, names_come_back) {
  for (const std::string list : {"web", "web,ping", "snmp,raw,tcp/2000,udp/53", "ssh", "ping", "all"}) {
    std::string names;
    for (const std::string& name : service_names(*parse_services(list))) names += (names.empty() ? "" : ",") + name;
    EXPECT_EQ(names, list);
  }
  EXPECT_EQ(service_name(Transport::tcp, 8443), "web");
  EXPECT_EQ(service_name(Transport::udp, 161), "snmp");
  EXPECT_EQ(service_name(Transport::tcp, 161), "tcp/161");
}

TEST(MacAddress, reads_both_separators_and_writes_one) {
  EXPECT_EQ(MacAddress::parse("02:DA:00:00:4d:15")->text(), "02:da:00:00:4d:15");
  EXPECT_EQ(MacAddress::parse("02-da-00-00-4d-15")->text(), "02:da:00:00:4d:15");
  for (const std::string_view text : {"", "02:da:00:00:4d", "02:da:00:00:4d:15:16", "02da00004d15", "02:da:00:00:4d:1g",
                                      "02:da:00-00:4d:15", "2:da:00:00:4d:155", "02.da.00.00.4d.15"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
  EXPECT_TRUE(MacAddress::parse("02:da:00:00:4d:15")->is_one_device());
  EXPECT_FALSE(MacAddress::parse("01:00:5e:00:00:fb")->is_one_device());
}

TEST(Engineers, compare_without_regard_to_ascii_case_only) {
  EXPECT_TRUE(same_login("Alice@Example.com", "alice@example.COM"));
  EXPECT_FALSE(same_login("alice@example.com", "alice@example.com "));
  EXPECT_FALSE(same_login("alice@example.com", "alice@example.co"));
  EXPECT_FALSE(same_login("ÄLICE", "älice"));
  EXPECT_FALSE(same_login("alice[", "alice{"));  // only letters fold
}

TEST(Engineers, a_list_lets_in_the_persons_it_names_and_a_star_lets_in_persons) {
  EXPECT_TRUE(names_person({"alice@example.com"}, "ALICE@example.com"));
  EXPECT_FALSE(names_person({"alice@example.com"}, "bob@example.com"));
  EXPECT_FALSE(names_person({}, "alice@example.com"));
  EXPECT_TRUE(names_person({"*"}, "bob@example.com"));
  for (const std::string_view nobody : {"", "*", "tagged-devices", "Tagged-Devices", "a b", "a\nb"}) {
    EXPECT_FALSE(names_person({"*"}, nobody)) << nobody;
    EXPECT_FALSE(names_person({std::string(nobody)}, nobody)) << nobody;
  }
}

TEST(ControlUrl, reads_names_and_addresses_with_and_without_port) {
  const auto check = [](std::string_view text, std::string_view host, int port, bool tls) {
    const auto url = parse_control_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->host, host);
    EXPECT_EQ(url->port, port);
    EXPECT_EQ(url->tls, tls);
  };
  check("https://control.example.com", "control.example.com", 443, true);
  check("https://CONTROL.example.com:8443/", "control.example.com", 8443, true);
  check("http://192.0.2.1", "192.0.2.1", 80, false);
  check("https://[2001:DB8::1]:8443", "2001:db8::1", 8443, true);
  check("https://[2001:db8::1]", "2001:db8::1", 443, true);
  check("https://localhost:1", "localhost", 1, true);
  for (const std::string_view text : {"https://[::1", "https://[192.0.2.1]", "https://[name]", "https://a..b",
                                      "https://-a", "https://a-", "https://a.1", "https://0x7f.1", "https://:443",
                                      "https://a:443:1", "HTTPS://a", "https:/a", "https://a:+1", "https://a_b"}) {
    EXPECT_FALSE(parse_control_url(text)) << text;
  }
}

TEST(Calendar, writes_utc) {
  EXPECT_EQ(calendar_text(WallTime{seconds(1'795'500'000)}), "2026-11-24T06:00:00Z");
  EXPECT_EQ(calendar_text_with_millis(WallTime{milliseconds(4'102'444'800'007)}), "2100-01-01T00:00:00.007Z");
  EXPECT_EQ(calendar_text(WallTime{seconds(2'147'483'648)}), "2038-01-19T03:14:08Z");
}

}  // namespace
}  // namespace quoin::gate
