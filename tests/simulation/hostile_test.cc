// Peers, control servers and relays that mean no good. Every scenario also checks, in internet.cc, that no datagram
// goes to a private address or into the customer's own network.
#include "derp/client.h"
#include "disco/envelope.h"
#include "disco/message.h"
#include "town.h"

namespace quoin::simulation {
namespace {

constexpr std::string_view inside_the_customer[] = {"192.168.77.24:9100", "10.0.0.1:53",     "172.16.5.5:80",
                                                    "127.0.0.1:631",      "169.254.1.1:445", "100.64.0.9:22",
                                                    "224.0.0.251:5353",   "0.0.0.0:1",       "255.255.255.255:67"};

std::vector<Endpoint> private_endpoints() {
  std::vector<Endpoint> endpoints;
  for (const auto text : inside_the_customer) endpoints.push_back(Endpoint::parse(text).value());
  endpoints.push_back(Endpoint::parse("[fe80::1]:80").value());
  endpoints.push_back(Endpoint::parse("[fd00::1]:80").value());
  endpoints.push_back(Endpoint::parse("[2002:c0a8:4d18::1]:80").value());
  return endpoints;
}

// A relay client without a node: logs in under a key and is asked nothing.
class RawRelayClient {
 public:
  RawRelayClient(World& world, Internet& internet, Relay& relay, const crypto::NodePrivateKey& key)
      : world_(world), wire_(internet.connect()), client_(key.copy(), world.chance, world.now) {
    wire_->attach(Wire::Side::client, {.received =
                                           [this](MutableBytes bytes) {
                                             Bytes rest = bytes;
                                             while (!rest.empty()) {
                                               rest = client_.handle_bytes(rest, world_.now);
                                               while (client_.poll_event()) {
                                               }
                                             }
                                             pump();
                                           },
                                       .writable = [this] { pump(); },
                                       .closed = [] {}});
    relay.accept(wire_);
  }
  ~RawRelayClient() { wire_->close(Wire::Side::client); }

  void send(const crypto::NodePublicKey& to, Bytes packet) {
    client_.send_packet(to, packet, world_.now);
    pump();
  }

 private:
  void pump() {
    for (Bytes output = client_.output(); !output.empty(); output = client_.output()) {
      const std::size_t count = wire_->write(Wire::Side::client, output);
      if (count == 0) return;
      client_.sent(count);
    }
  }
  World& world_;
  std::shared_ptr<Wire> wire_;
  derp::Client client_;
};

constexpr int rounds_of_a_flood = 250;  // of 8 ms: two seconds

TEST(Hostile, datagrams_of_strangers_are_never_told_of) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  town.world.run(seconds(10));
  const std::size_t before = town.agent.said.size();
  const auto stranger = crypto::NodePrivateKey::generate(town.world.chance);
  RawRelayClient client(town.world, town.internet, town.servers.amsterdam, stranger);
  // Each begins like something that the agent knows: initiations, responses, cookies, data, disco, STUN answers.
  for (int i = 0; i < rounds_of_a_flood; i++) {
    for (const std::string_view beginning :
         {std::string_view("\1\0\0\0", 4), std::string_view("\2\0\0\0", 4), std::string_view("\3\0\0\0", 4),
          std::string_view("\4\0\0\0", 4), std::string_view("TS\U0001F4AC"),
          std::string_view("\1\1\0\x80\x21\x12\xa4\x42", 8)}) {
      Buffer datagram = to_buffer(town.world.chance.array<148>());
      std::ranges::copy(bytes_of(beginning), datagram.begin());
      client.send(*town.agent.node_key(), datagram);
      const Endpoint from{IpAddress::v4(0xCB00'7180U + static_cast<std::uint32_t>(i % 100)), 40'000};
      town.agent.handle_datagrams(from, datagram, datagram.size());
    }
    town.world.run(milliseconds(8));
  }
  EXPECT_EQ(town.agent.said.size(), before);
  EXPECT_TRUE(town.echoes(echo, "after"));
}

TEST(Hostile, an_engineer_who_is_not_named_gets_nothing_at_all) {
  Town town;
  Engineer mallory(town.world, town.internet, town.servers, town.desk, "mallory-key",
                   Endpoint::parse("10.0.1.66:41641").value());
  ASSERT_TRUE(town.open());
  ASSERT_TRUE(town.world.run_until([&] { return mallory.is_online(); }, seconds(20)));
  std::uint64_t to_mallory = 0;
  std::uint64_t from_mallory = 0;
  town.servers.amsterdam.watch = town.servers.frankfurt.watch = [&](const auto& from, const auto& to, Bytes) {
    if (to == mallory.node_key()) to_mallory++;
    if (from == mallory.node_key()) from_mallory++;
  };
  town.customer.datagrams_out = 0;
  for (int i = 0; i < 60; i++) {
    mallory.connect(town.printer(), 80);
    mallory.ping(town.printer());
    town.world.run(seconds(1));
  }
  EXPECT_GT(from_mallory, 0u);
  EXPECT_EQ(to_mallory, 0u);
  EXPECT_EQ(town.customer.datagrams_out, 0u);
  EXPECT_EQ(mallory.packets_in(), 0u);
  EXPECT_EQ(town.agent.count<pair::DialService>(), 0u);
  EXPECT_EQ(town.agent.count<pair::PingDevice>(), 0u);
  EXPECT_EQ(town.fetch(), WebPage::page) << "alice is none the worse for it";
}

TEST(Hostile, strangers_bring_no_socket_about) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  const std::size_t before = town.agent.count<pair::WantEndpoint>();
  for (std::uint32_t n = 0; n < 5000; n++) {
    Buffer rubbish(n % 2 == 0 ? 148 : 100);
    town.world.chance.fill(rubbish);
    if (n % 2 == 0) {  // an initiation of WireGuard
      std::fill_n(rubbish.begin(), 4, std::byte{0});
      rubbish[0] = std::byte{1};
    }
    town.agent.handle_datagrams({IpAddress::v4(0xcb00'8000U + n), 41'641}, rubbish, rubbish.size());
  }
  town.world.run(seconds(2));
  EXPECT_EQ(town.agent.count<pair::WantEndpoint>(), before);
  EXPECT_TRUE(town.echoes(echo, "still here"));
  EXPECT_TRUE(town.is_direct());
}

TEST(Hostile, a_ping_that_is_sent_on_from_everywhere_takes_nobodys_path) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto alice = town.servers.control.box.node(town.alice.node_key()).value().disco_key;
  Buffer ping;  // the longest of what goes directly
  town.internet.watch = [&](Bytes datagram) {
    const auto envelope = disco::parse_envelope(datagram);
    if (envelope && envelope->sender == alice && datagram.size() >= ping.size()) ping = to_buffer(datagram);
  };
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  ASSERT_FALSE(ping.empty());
  town.internet.watch = nullptr;
  for (std::uint32_t n = 0; n < 5000; n++) {
    Buffer copy = ping;
    town.agent.handle_datagrams({IpAddress::v4(0xcb00'8000U + n), 41'641}, copy, copy.size());
    if (n % 100 == 0) ASSERT_TRUE(town.echoes(echo, "x"));
  }
  EXPECT_TRUE(town.is_direct());
  EXPECT_LE(town.agent.sends_to().size(), tunnel::Endpoints::sources_max + 10);
  town.agent.replace_sockets();  // and where all is asked for anew, those that are named come first
  EXPECT_TRUE(town.echoes(echo, "still here"));
  EXPECT_TRUE(town.go_direct(echo));
}

TEST(Hostile, one_engineer_who_floods_with_connections_that_hang_does_not_keep_another_out) {
  Town town({.script = {.engineers = {"alice@example.com", "mallory@example.com"}}});
  Engineer mallory(town.world, town.internet, town.servers, town.desk, "mallory-key",
                   Endpoint::parse("10.0.1.3:41641").value());
  ASSERT_TRUE(town.open());
  ASSERT_TRUE(town.world.run_until([&] { return mallory.is_online(); }, seconds(20)));
  town.world.run(seconds(1));
  town.agent.script.dial_time = minutes(10);
  for (int i = 0; i < 400; i++) mallory.connect(town.printer(), 80);
  town.world.run(seconds(10));
  EXPECT_EQ(town.agent.count<pair::DialService>(), tunnel::Flows::dialling_of_one_max);
  town.agent.script.dial_time = milliseconds(3);
  EXPECT_EQ(town.fetch(80, seconds(1)), WebPage::page);
}

TEST(Hostile, an_engineer_who_floods_does_not_make_the_tunnel_ask_faster_than_a_gate_bears) {
  Town town;
  ASSERT_TRUE(town.open());
  ASSERT_EQ(town.fetch(), WebPage::page);
  const std::size_t before = town.agent.said.size();
  constexpr std::size_t rounds = 250;  // of 4 ms: a second
  for (std::size_t i = 0; i < rounds; i++) {
    for (int ping = 0; ping < 48; ping++) town.alice.ping(town.printer());
    town.world.run(milliseconds(4));
  }
  const std::size_t asked = town.agent.said.size() - before;
  EXPECT_GT(asked, std::size_t{tunnel::Tunnel::requests_of_one_burst}) << "the flood did not arrive";
  EXPECT_LT(asked, std::size_t{2 * tunnel::Tunnel::requests_burst});
  town.world.run(seconds(3));
  EXPECT_EQ(town.fetch(), WebPage::page) << "and nobody is the worse for it";
}

TEST(Hostile, a_control_server_that_shows_new_nodes_without_end_does_not_drown_the_gate) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  const auto alice = town.servers.control.box.node(town.alice.node_key()).value();
  const std::size_t before = town.agent.count<pair::Admit>();
  for (control::NodeId first = 10'000; first < 30'000; first += 1000) {
    control::MapResponse message;
    message.peers.push_back(alice);
    for (control::NodeId id = first; id < first + 1000; id++) {
      control::Node node = alice;
      node.id = id;
      node.key = crypto::NodePublicKey(town.world.chance.array<crypto::key_bytes>());
      message.peers.push_back(std::move(node));
    }
    town.servers.control.box.send(*town.agent.node_key(), message);
    town.servers.control.pump();
    town.world.run(milliseconds(50));
  }
  const std::size_t asked = town.agent.count<pair::Admit>() - before;
  EXPECT_GT(asked, std::size_t{tunnel::Tunnel::admissions_burst}) << "the nodes did not arrive";
  EXPECT_LT(asked, std::size_t{tunnel::Tunnel::admissions_burst} + 1000) << "in some more than a second";
  EXPECT_TRUE(town.echoes(echo, "after"));
}

TEST(Hostile, a_tagged_node_is_not_admitted_even_under_a_name_that_is) {
  Town town;
  town.servers.control.box.join_keys["device-2"] = {.login = "alice@example.com", .tags = {"tag:other"}};
  Engineer other(town.world, town.internet, town.servers, town.desk, "device-2",
                 Endpoint::parse("10.0.1.66:41641").value());
  ASSERT_TRUE(town.open());
  ASSERT_TRUE(town.world.run_until([&] { return other.is_online(); }, seconds(20)));
  other.connect(town.printer(), 80);
  town.world.run(seconds(30));
  EXPECT_EQ(other.packets_in(), 0u);
  EXPECT_EQ(town.agent.count<pair::DialService>(), 0u);
}

TEST(Hostile, the_person_behind_a_key_changes_and_the_flows_end) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  control::MapResponse message;
  auto node = town.servers.control.box.node(town.alice.node_key()).value();
  node.user = 4711;
  message.peers_changed = {node};
  message.user_profiles = {{.id = 4711, .login_name = "mallory@example.com", .display_name = "M"}};
  town.servers.control.box.send(*town.agent.node_key(), message);
  town.servers.control.pump();
  town.world.run(milliseconds(200));
  EXPECT_TRUE(town.agent.service(0)->got_reset());
  EXPECT_EQ(town.agent.all<pair::Admit>().back().login, "mallory@example.com");
  const auto bytes = town.agent.printer_bytes();
  town.alice.send(echo, "after");
  town.world.run(seconds(20));
  EXPECT_EQ(town.agent.printer_bytes(), bytes);
}

TEST(Hostile, one_address_belongs_to_one_admitted_peer) {
  Town town({.script = {.engineers = {"alice@example.com", "bob@example.com"}}});
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  // The map gives alice's address to a second node, of bob, who is admitted as well.
  control::MapResponse message;
  auto node = town.servers.control.box.node(town.alice.node_key()).value();
  const auto bob = crypto::NodePrivateKey::generate(town.world.chance);
  node.id = 99;
  node.key = bob.public_key();
  node.user = 4712;
  message.peers_changed = {node};
  message.user_profiles = {{.id = 4712, .login_name = "bob@example.com", .display_name = "B"}};
  town.servers.control.box.send(*town.agent.node_key(), message);
  town.servers.control.pump();
  town.world.run(seconds(1));
  EXPECT_TRUE(town.echoes(echo, "after")) << "the address stays with the one who had it";
  ASSERT_EQ(town.fetch(), WebPage::page);
  EXPECT_EQ(town.agent.all<pair::DialService>().back().engineer, town.alice.node_key());
}

TEST(Hostile, a_control_server_that_announces_private_endpoints_moves_no_datagram_there) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  for (int i = 0; i < 30; i++) {
    control::MapResponse message;
    const auto node = town.servers.control.box.node(town.alice.node_key()).value();
    message.peers_changed_patch.resize(1);
    message.peers_changed_patch[0].node_id = node.id;
    message.peers_changed_patch[0].endpoints = private_endpoints();
    if (i % 3 == 0) {
      message.peers_changed_patch.clear();
      message.peers_changed = {node};
      message.peers_changed[0].endpoints = private_endpoints();
    }
    town.servers.control.box.send(*town.agent.node_key(), message);
    town.servers.control.pump();
    EXPECT_TRUE(town.echoes(echo, "x"));
    town.world.run(seconds(2));
  }
}

TEST(Hostile, a_control_server_that_puts_relays_and_stun_into_the_lan_moves_no_datagram_there) {
  Town town;
  ASSERT_TRUE(town.open());
  control::MapResponse message;
  auto& regions = message.derp_map.emplace().regions.emplace();
  regions[1] = town.servers.amsterdam.description();
  std::int32_t id = 10;
  for (const Endpoint& endpoint : private_endpoints()) {
    control::DerpRegion region;
    region.region_id = id;
    region.region_code = "lan" + std::to_string(id);
    control::DerpNode node;
    node.name = std::to_string(id) + "a";
    node.region_id = id;
    node.host_name = "lan.example";
    (endpoint.address.is_v4() ? node.ipv4 : node.ipv6) = endpoint.address.text();
    node.stun_port = endpoint.port;
    region.nodes = {node};
    regions[id++] = region;
  }
  town.servers.control.box.send(*town.agent.node_key(), message);
  town.servers.control.pump();
  const auto echo = town.alice.connect(town.printer(), 7);
  for (int i = 0; i < 60; i++) {
    EXPECT_TRUE(town.echoes(echo, "x"));
    town.world.run(seconds(2));
  }
}

TEST(Hostile, stun_servers_that_resolve_into_the_lan_or_lie_about_us_move_no_datagram_there) {
  Town town;
  town.internet.stun_lies(town.servers.amsterdam.stun(), Endpoint::parse("192.168.77.24:9100").value());
  town.internet.stun_lies(town.servers.frankfurt.stun(), Endpoint::parse("192.168.77.25:9100").value());
  ASSERT_TRUE(town.open());
  EXPECT_EQ(town.fetch(), WebPage::page);
  for (const auto& update : town.servers.control.box.lite_updates) EXPECT_TRUE(update.endpoints.empty());
  for (const auto& ask : town.agent.all<pair::ResolveStun>()) {
    town.agent.hand_over(pair::Resolved{ask.request, private_endpoints()});
  }
  town.agent.replace_sockets();
  town.world.run(minutes(2));
}

TEST(Hostile, an_engineer_who_calls_from_private_endpoints_moves_no_datagram_there) {
  Town town;
  ASSERT_TRUE(town.open());
  // A second node of alice's that is nothing but keys: the agent admits it, and it says what it likes.
  const auto node_key = crypto::NodePrivateKey::generate(town.world.chance);
  const auto disco_key = crypto::DiscoPrivateKey::generate(town.world.chance);
  control::MapResponse message;
  auto node = town.servers.control.box.node(town.alice.node_key()).value();
  node.id = 98;
  node.key = node_key.public_key();
  node.disco_key = disco_key.public_key();
  node.endpoints.clear();
  node.addresses = {Prefix::parse("100.64.7.7").value()};
  message.peers_changed = {node};
  town.servers.control.box.send(*town.agent.node_key(), message);
  town.servers.control.pump();
  Relay& home = *town.servers.relay(town.agent.all<pair::Online>().back().region);
  RawRelayClient rogue(town.world, town.internet, home, node_key);
  town.world.run(seconds(1));
  const auto agents_disco = town.servers.control.box.node(*town.agent.node_key())->disco_key;
  const auto box = crypto::BoxKey::between(disco_key.secret_bytes(), agents_disco.bytes()).value();
  const std::uint64_t before = town.customer.datagrams_out;
  std::uint64_t answered = 0;
  home.watch = [&](const auto&, const auto& to, Bytes) { answered += to == node_key.public_key(); };
  for (int i = 0; i < 20; i++) {
    const disco::CallMeMaybe call{private_endpoints()};
    rogue.send(*town.agent.node_key(),
               disco::seal(disco_key.public_key(), box, disco::encode(call), town.world.chance));
    const disco::Ping ping{.transaction = town.world.chance.array<disco::transaction_bytes>(),
                           .node_key = node_key.public_key()};
    rogue.send(*town.agent.node_key(),
               disco::seal(disco_key.public_key(), box, disco::encode(ping), town.world.chance));
    town.world.run(seconds(2));
  }
  EXPECT_GT(answered, 0u) << "its pings through the relay are answered, so it was heard";
  EXPECT_EQ(town.customer.datagrams_out, before);
}

TEST(Hostile, whatever_else_a_control_server_asks_for_is_ignored_and_said_once) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "before"));
  constexpr std::string_view everything =
      R"({"PingRequest":{"URL":"http://127.0.0.1/","Types":"TSMP","IP":"100.64.0.1"},)"
      R"("DNSConfig":{"Resolvers":[{"Addr":"10.0.0.53"}],"Domains":["example"]},)"
      R"("SSHPolicy":{"rules":[{"principals":[{"any":true}],"sshUsers":{"*":"root"}}]},)"
      R"("Debug":{"SleepSeconds":3600,"Exit":1},"PopBrowserURL":"http://203.0.113.9/","CollectServices":true,)"
      R"("TKAInfo":{"Head":"x"},"Domain":"example","ClientVersion":{"Notify":true},"DefaultAutoUpdate":true,)"
      R"("ControlDialPlan":{"Candidates":[{"IP":"192.168.77.24"}]},"UnheardOf":[1,2,3]})";
  for (int i = 0; i < 5; i++) {
    town.servers.control.box.send_text(*town.agent.node_key(), everything);
    town.servers.control.pump();
    EXPECT_TRUE(town.echoes(echo, "x"));
  }
  std::set<std::string> names;
  for (const auto& ignored : town.agent.all<pair::ControlIgnored>()) {
    EXPECT_TRUE(names.insert(ignored.feature).second) << ignored.feature << " was said twice";
  }
  EXPECT_GE(names.size(), 6u);
  EXPECT_EQ(town.agent.count<pair::DialControl>(), 1u);
  EXPECT_FALSE(town.agent.end());
}

TEST(Hostile, a_control_server_that_sends_nonsense_loses_the_stream_and_nothing_else) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  for (int i = 0; i < 10; i++) {
    town.servers.control.box.send_text(*town.agent.node_key(), "{\"Node\":");
    town.servers.control.pump();
    EXPECT_TRUE(town.echoes(echo, "x"));
    town.world.run(seconds(20));
  }
  EXPECT_TRUE(town.echoes(echo, "x"));
}

TEST(Hostile, a_map_full_of_people_is_bounded) {
  Town town;
  ASSERT_TRUE(town.open());
  for (int round = 0; round < 3; round++) {
    control::MapResponse message;
    for (int i = 0; i < 2'000; i++) {
      auto node = town.servers.control.box.node(town.alice.node_key()).value();
      node.id = 1'000 + round * 5'000 + i;
      node.key = crypto::NodePrivateKey::generate(town.world.chance).public_key();
      node.disco_key = crypto::DiscoPrivateKey::generate(town.world.chance).public_key();
      node.addresses = {Prefix::host(IpAddress::v4(0x6450'0000U + static_cast<std::uint32_t>(node.id)))};
      message.peers_changed.push_back(node);
    }
    town.servers.control.box.send(*town.agent.node_key(), message);
    town.servers.control.pump();
    town.world.run(seconds(2));
  }
  EXPECT_LE(town.agent.count<pair::Admit>(), node::Peers::peers_max + 1);
  EXPECT_EQ(town.fetch(), WebPage::page);
  town.agent.close();
  EXPECT_TRUE(town.world.run_until([&] { return town.agent.end().has_value(); }, seconds(1)));
}

}  // namespace
}  // namespace quoin::simulation
