#include "gate/config.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "vectors/folder.h"

namespace quoin::gate {
namespace {

constexpr std::string_view whole = R"(state_dir = "/var/lib/quoin-agent"
socket    = "/run/quoin-agent/agent.sock"
[control]
url = "https://203.0.113.10:8443"
ca_file = "lab-ca.pem"
server_key = "mkey:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
join_key_file = "join.key"
[relay]
ca_file = "lab-ca.pem"
allow = ["10.1.2.3/32"]
[warrant]
longest = "4h"
engineers = ["alice@example.com", "bob@example.com"]
[[device]]
name = "mfp"
address = "192.168.77.21"
mac = "02:da:00:00:4d:15"
[[device]]
name = "laser"
address = "192.168.77.22"
mac = "02-DA-00-00-4D-16"
)";

TEST(Config, reads_every_key) {
  const auto read = parse_config(whole, "/etc/quoin/agent.toml");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->state_dir, "/var/lib/quoin-agent");
  EXPECT_EQ(read->socket, "/run/quoin-agent/agent.sock");
  EXPECT_EQ(read->control.host, "203.0.113.10");
  EXPECT_EQ(read->control.port, 8443);
  EXPECT_TRUE(read->control.tls);
  EXPECT_EQ(read->control.ca_file, "/etc/quoin/lab-ca.pem");
  EXPECT_TRUE(read->control.server_key.has_value());
  EXPECT_EQ(read->control.join_key_file, "/etc/quoin/join.key");
  EXPECT_EQ(read->control.url(), "https://203.0.113.10:8443");
  EXPECT_EQ(read->relay.ca_file, "/etc/quoin/lab-ca.pem");
  EXPECT_EQ(read->relay.allow, std::vector{*Prefix::parse("10.1.2.3/32")});
  EXPECT_EQ(read->warrant.longest, hours(4));
  EXPECT_EQ(read->warrant.engineers, (std::vector<std::string>{"alice@example.com", "bob@example.com"}));
  ASSERT_EQ(read->devices.size(), 2U);
  EXPECT_EQ(read->device("mfp")->address.text(), "192.168.77.21");
  EXPECT_EQ(read->device("laser")->macs.at(0).text(), "02:da:00:00:4d:16");
  EXPECT_EQ(read->device("files"), nullptr);
}

TEST(Config, a_device_is_known_by_its_mac_or_its_serial_or_both) {
  const auto with = [](std::string_view identity) {
    const std::string text(whole.substr(0, whole.find("[[device]]")));
    return parse_config(text + "[[device]]\nname = \"mfp\"\naddress = \"192.168.78.21\"\n" + std::string(identity),
                        "agent.toml");
  };
  const auto both = with("mac = \"02:da:00:00:4d:15\"\nserial = \"3089 LAB\"\ncommunity = \"fleet-read\"\n");
  ASSERT_TRUE(both) << both.error().text();
  EXPECT_EQ(both->devices[0].serial, "3089 LAB");
  EXPECT_EQ(both->devices[0].community, "fleet-read");
  EXPECT_EQ(both->devices[0].known_by(), KnownBy::mac);
  const auto serial = with("serial = \"3089LAB00021\"\n");
  ASSERT_TRUE(serial) << serial.error().text();
  EXPECT_TRUE(serial->devices[0].macs.empty());
  EXPECT_EQ(serial->devices[0].known_by(), KnownBy::serial);
  EXPECT_EQ(serial->devices[0].community, "public");
  const auto mac = with("mac = \"02:da:00:00:4d:15\"\n");
  ASSERT_TRUE(mac) << mac.error().text();
  EXPECT_EQ(mac->devices[0].known_by(), KnownBy::mac);
  EXPECT_FALSE(with(""));
}

TEST(Config, a_device_may_have_several_macs) {
  const auto with = [](std::string_view macs) {
    const std::string text(whole.substr(0, whole.find("[[device]]")));
    return parse_config(
        text + "[[device]]\nname = \"mfp\"\naddress = \"192.168.78.21\"\nmac = " + std::string(macs) + "\n",
        "agent.toml");
  };
  const auto two = with("[\"02:da:00:00:4d:15\", \"02-DA-00-00-4D-3C\"]");
  ASSERT_TRUE(two) << two.error().text();
  EXPECT_EQ(two->devices[0].macs,
            (std::vector{*MacAddress::parse("02:da:00:00:4d:15"), *MacAddress::parse("02:da:00:00:4d:3c")}));
  EXPECT_EQ(two->devices[0].known_by(), KnownBy::mac);
  const auto refusal = [&](std::string_view macs) {
    const auto read = with(macs);
    return read ? std::string() : read.error().sentence;
  };
  EXPECT_EQ(refusal("[]"), "is an empty list.");
  EXPECT_EQ(refusal("[\"02:da:00:00:4d:15\", \"02-DA-00-00-4D-15\"]"),
            "lists 02:da:00:00:4d:15 twice; remove one of them.");
  EXPECT_NE(refusal("[\"02:da:00:00:4d:15\", \"01:00:5e:00:00:01\"]").find("is not the MAC address of one device"),
            std::string::npos);
  EXPECT_EQ(refusal("[\"02:da:00:00:4d:15\", 7]"), "must be a text in quotes.");
  std::string nine = "[";
  for (int i = 0; i < 9; i++) nine += "\"02:00:00:00:00:0" + std::to_string(i) + "\", ";
  EXPECT_EQ(refusal(nine + "]"), "has more than 8 entries.");
}

TEST(Config, a_device_may_have_a_public_address_that_the_site_is_said_to_have) {
  const auto with = [](std::string_view networks, std::string_view address) {
    const std::string text(whole.substr(0, whole.find("[[device]]")));
    return parse_config(text + "[site]\npublic_networks = " + std::string(networks) + "\n[[device]]\nname = \"mfp\"\n" +
                            "address = \"" + std::string(address) + "\"\nmac = \"02:da:00:00:4d:15\"\n",
                        "agent.toml");
  };
  const auto read = with("[\"141.30.4.0/22\", \"2001:db8:7::/48\"]", "141.30.5.17");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->devices[0].has_public_address);
  const HostView host{.interfaces = {{*IpAddress::parse("141.30.4.2"), 22}}, .gateways = {}, .dns_servers = {}};
  EXPECT_EQ(guard_device(read->devices[0], host), std::nullopt);
  EXPECT_FALSE(with("[\"141.30.4.0/22\"]", "192.168.77.21")->devices[0].has_public_address);
  const auto refusal = [&](std::string_view networks, std::string_view address) {
    const auto refused = with(networks, address);
    return refused ? std::string() : refused.error().text();
  };
  EXPECT_NE(refusal("[\"141.30.4.0/22\"]", "141.30.8.1").find("list that network in site.public_networks"),
            std::string::npos);
  EXPECT_NE(refusal("[\"0.0.0.0/0\"]", "141.30.8.1").find("too wide"), std::string::npos);
  EXPECT_NE(refusal("[\"141.30.4.1/22\"]", "141.30.4.1").find("not an address block"), std::string::npos);
  // Vouching takes back no other refusal.
  EXPECT_NE(refusal("[\"224.0.0.0/16\"]", "224.0.0.5").find("multicast"), std::string::npos);
  EXPECT_NE(refusal("[\"169.254.0.0/16\"]", "169.254.169.254").find("link-local"), std::string::npos);
  EXPECT_NE(refusal("[\"240.0.0.0/16\"]", "240.0.0.5"), "");
}

TEST(Config, a_device_may_name_the_ports_of_its_ftp_data) {
  const auto with = [](std::string_view ftp) {
    return parse_config(std::string(whole.substr(0, whole.rfind("[[device]]"))) + std::string(ftp), "agent.toml");
  };
  const auto passive = [](const Result<Config, ConfigError>& read) {
    return read ? read->devices[0].ftp_passive_ports : PassivePorts{.first = 0, .last = 0};
  };
  EXPECT_EQ(passive(with("")), (PassivePorts{.first = 49152, .last = 65535}));
  EXPECT_EQ(passive(with("ftp.passive_ports = \"50000-50009\"\n")), (PassivePorts{.first = 50'000, .last = 50'009}));
  EXPECT_EQ(passive(with("[device.ftp]\npassive_ports = \"1024\"\n")), (PassivePorts{.first = 1024, .last = 1024}));
}

TEST(Config, leaves_out_what_has_a_default) {
  const auto read = parse_config(R"(
[control]
url = "https://Control.Example.com/"
join_key_file = "/keys/join"
[warrant]
engineers = ["*"]
[[device]]
name = "mfp"
address = "fd12:3456:789a::15"
mac = "02:da:00:00:4d:15"
)",
                                 "agent.toml");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->state_dir, "/var/lib/quoin-agent");
  EXPECT_EQ(read->control.host, "control.example.com");
  EXPECT_EQ(read->control.port, 443);
  EXPECT_EQ(read->control.ca_file, std::nullopt);
  EXPECT_EQ(read->control.join_key_file, "/keys/join");
  EXPECT_EQ(read->warrant.longest, hours(4));
  EXPECT_TRUE(read->relay.allow.empty());
}

TEST(Config, takes_paths_relative_to_its_own_folder) {
  std::string text(whole);
  text.replace(text.find("/var/lib/quoin-agent"), 20, "state");
  EXPECT_EQ(parse_config(text, "agent.toml")->state_dir, "state");
  EXPECT_EQ(parse_config(text, "conf/agent.toml")->state_dir, "conf/state");
  EXPECT_EQ(parse_config(text, "/agent.toml")->state_dir, "/state");
}

// The cases stand in a file that says what each is; see its first lines.
struct Case {
  std::size_t at;  // line in the vector file
  std::string from, to, said;
};
std::vector<Case> bad_cases() {
  std::ifstream in(vectors::path_of("gate/bad_configurations.txt"));
  std::vector<Case> out;
  std::string line;
  Case one;
  for (std::size_t at = 1; std::getline(in, line); at++) {
    const auto rest = [&] { return line.size() > 3 ? line.substr(3) : std::string(); };
    if (line.starts_with("-  ")) one.from = rest(), one.at = at;
    if (line == "+" || line.starts_with("+  ")) one.to += (one.to.empty() ? "" : "\n") + rest();
    if (line.starts_with("=  ")) {
      one.said = rest();
      out.push_back(std::exchange(one, {}));
    }
  }
  return out;
}

TEST(Config, the_size_of_an_audit_file_has_a_unit) {
  EXPECT_EQ(parse_config(whole, "agent.toml")->audit.file_bytes, 64U << 20);
  const std::vector<std::pair<std::string, std::uint64_t>> sizes = {
      {"64KiB", 65'536}, {"3MiB", 3U << 20}, {"1GiB", 1U << 30}};
  for (const auto& [size, bytes] : sizes) {
    const auto read = parse_config(std::string(whole) + "[audit]\nfile_size = \"" + size + "\"\n", "agent.toml");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->audit.file_bytes, bytes);
  }
}

TEST(Config, refuses_each_bad_input_with_line_key_and_sentence) {
  const std::vector<Case> cases = bad_cases();
  ASSERT_GT(cases.size(), 60U);
  for (const Case& each : cases) {
    std::string text(whole);
    const std::size_t at = text.find(each.from);
    ASSERT_NE(at, std::string::npos) << "case at line " << each.at;
    text.replace(at, each.from.size(), each.to);
    const auto read = parse_config(text, "agent.toml");
    ASSERT_FALSE(read) << "case at line " << each.at << " was taken: " << each.to;
    EXPECT_EQ(read.error().text(), each.said) << "case at line " << each.at;
  }
}

TEST(Config, refuses_what_is_missing_altogether) {
  const auto said = [](std::string_view text) { return parse_config(text, "agent.toml").error().text(); };
  EXPECT_EQ(said(""), "agent.toml: control is missing; add a table [control] with url and join_key_file.");
  std::string control = "[control]\nurl = \"https://h\"\njoin_key_file = \"k\"\n";
  EXPECT_EQ(said(control),
            "agent.toml: warrant is missing; add a table [warrant] with the engineers who may be let in.");
  EXPECT_EQ(said(control + "[warrant]\nengineers = [\"*\"]\n"),
            "agent.toml: device is missing; add a table [[device]] with name, address and mac for each device.");
  EXPECT_EQ(said(std::string(config_bytes_max + 1, '#')), "agent.toml: The file is larger than 256 KiB.");
}

std::string with_proxy(std::string_view lines) {
  return "[proxy]\n" + std::string(lines) + "\n" + std::string(whole.substr(whole.find("[control]")));
}

TEST(Config, reads_a_proxy_with_a_password_of_its_own_file) {
  const auto read = parse_config(with_proxy("url = \"http://lab@10.0.0.1:3128\"\npassword_file = \"proxy.password\"\n"
                                            "none_for = [\".example.com\", \"10.0.0.0/8\"]"),
                                 "/etc/quoin/agent.toml");
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_TRUE(read->proxy);
  EXPECT_EQ(read->proxy->url(), "http://10.0.0.1:3128");
  EXPECT_EQ(read->proxy->user, "lab");
  EXPECT_FALSE(read->proxy->password);
  EXPECT_EQ(read->proxy->password_file, "/etc/quoin/proxy.password");
  EXPECT_TRUE(read->proxy->none_for.has("relay.example.com"));
  EXPECT_EQ(read->proxy->named_in, "proxy.url");
  EXPECT_FALSE(parse_config(whole, "agent.toml")->proxy);
}

TEST(Config, says_what_is_wrong_with_a_proxy_and_never_its_password) {
  const auto said = [](std::string_view lines) {
    const auto read = parse_config(with_proxy(lines), "agent.toml");
    return read ? "taken" : read.error().text();
  };
  EXPECT_EQ(said(""),
            "agent.toml:1: proxy.url is missing; set it to http://HOST:PORT of the proxy, or remove the table.");
  EXPECT_EQ(said("url = \"socks5://u:hunter2@10.0.0.1\""),
            "agent.toml:2: proxy.url names a kind of proxy that is not spoken; only http://HOST:PORT is.");
  EXPECT_EQ(said("url = \"http://u:hunter2@\""),
            "agent.toml:2: proxy.url names no proxy; write http://HOST:PORT, and an @ in a password as %40.");
  EXPECT_EQ(said("url = \"http://u:hunter2@p:1\"\npassword_file = \"x\""),
            "agent.toml:3: proxy.password_file is not needed: proxy.url has a password; remove one of them.");
  EXPECT_EQ(said("url = \"http://p:1\"\npassword_file = \"x\""),
            "agent.toml:3: proxy.password_file needs a user to belong to; write proxy.url as http://USER@HOST:PORT.");
  EXPECT_EQ(
      said("url = \"http://p:1\"\nnone_for = [\"10.0.0.1/8\"]"),
      "agent.toml:3: proxy.none_for \"10.0.0.1/8\" is neither a host name, nor a domain such as .example.com, nor "
      "an address block such as 10.0.0.0/8.");
  EXPECT_EQ(said("url = \"http://p:1\"\nuser = \"x\""),
            "agent.toml:3: proxy.user is not known here; what can stand here is url, password_file, none_for, "
            "by_name.");
}

TEST(Config, other_scripts_stand_in_strings_and_comments_and_nowhere_else) {
  std::string text(whole);
  text.insert(0, "\xef\xbb\xbf# Büro, 複合機, ﷽ \" '\n");
  text.replace(text.find("lab-ca.pem"), 10, "Schlüssel/複合機.pem");
  const auto read = parse_config(text, "agent.toml");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->control.ca_file, "Schlüssel/複合機.pem");
  for (const std::string_view foreign : {"ü", "\u0669", "\ufc5e", "\xff", "\u2003"}) {
    for (const std::string_view before :
         {"", "a", "a = ", "a = 1", "[", "a = ['x', ", "a = \"\"\"\nx\\\"\"\"\"\"\n", "b = '''\n'''''\n"}) {
      text = std::string(before) + std::string(foreign) + "\n" + std::string(whole);
      const auto refused = parse_config(text, "agent.toml");
      ASSERT_FALSE(refused) << text;
      EXPECT_TRUE(refused.error().sentence.starts_with("This is not TOML: ")) << text;
    }
  }
}

TEST(Config, bounds_how_many_devices_there_are) {
  std::string text(whole.substr(0, whole.find("[[device]]")));
  for (std::size_t i = 0; i <= devices_max; i++) {
    const std::string n = std::to_string(i);
    text += "[[device]]\nname = \"d" + n + "\"\naddress = \"10.0.0." + std::to_string(i + 1) +
            "\"\nmac = \"02:00:00:00:00:01\"\n";
    EXPECT_EQ(parse_config(text, "agent.toml").has_value(), i < devices_max) << i;
  }
}

}  // namespace
}  // namespace quoin::gate
