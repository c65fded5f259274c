// What must not happen, whatever peers, relays, control servers and strangers send.
#include <algorithm>

#include <gtest/gtest.h>

#include "disco/envelope.h"
#include "path/paths.h"
#include "path/simulated_net.h"

namespace quoin::path {
namespace {

// One node of ours, and a peer whose disco messages the test makes itself.
struct Attacked {
  SeededRandom random{11};
  Instant now{seconds(500)};
  crypto::DiscoPrivateKey own_key = crypto::DiscoPrivateKey::generate(random);
  crypto::DiscoPrivateKey peer_key = crypto::DiscoPrivateKey::generate(random);
  crypto::NodePublicKey own_node = crypto::NodePrivateKey::generate(random).public_key();
  crypto::NodePublicKey peer = crypto::NodePrivateKey::generate(random).public_key();
  Paths paths{own_key.copy(), own_node, EndpointGuard({Prefix::parse("198.51.100.0/28").value()}, {}), random, now};
  crypto::BoxKey box = crypto::BoxKey::between(peer_key.secret_bytes(), own_key.public_key().bytes()).value();
  std::vector<Transmit> sent;

  explicit Attacked(const std::vector<Endpoint>& endpoints = {}) {
    paths.set_sockets({.ipv4 = true, .ipv6 = true}, now);
    paths.set_relay_map({Region{.id = 1, .stun = std::nullopt}}, now);
    paths.relay_connected(1, now);
    paths.set_peer(peer, {.disco_key = peer_key.public_key(), .home_region = 1, .endpoints = endpoints}, now);
    drain();
  }
  void drain() {
    while (auto transmit = paths.poll_transmit()) sent.push_back(std::move(*transmit));
    while (paths.poll_event()) continue;
  }
  Buffer sealed(Bytes payload) { return disco::seal(peer_key.public_key(), box, payload, random); }
  void give(const Place& from, Bytes payload) {
    paths.handle_disco(from, sealed(payload), now);
    drain();
  }
  Place relay() const { return ViaRelay{.region = 1, .peer = peer}; }
  Buffer ping() {
    return disco::encode(disco::Ping{.transaction = random.array<12>(), .node_key = peer, .padding_bytes = 1});
  }
  disco::Ping asked_last() const {
    const auto opened = box.open(Bytes(sent.back().datagram).subspan(38));
    return std::get<disco::Ping>(disco::parse(*opened).value());
  }
  // Lets time pass with data flowing, so that everything that could be sent is.
  void go_on(Duration how_long) {
    for (const Instant end = now + how_long; now < end; now += milliseconds(250)) {
      paths.note_sent(peer, now);
      paths.handle_timeout(now);
      drain();
    }
  }
  std::vector<Endpoint> udp() const {
    std::vector<Endpoint> out;
    for (const Transmit& each : sent) {
      if (const auto* to = std::get_if<Endpoint>(&each.to)) out.push_back(*to);
    }
    return out;
  }
  std::size_t to_relay() const { return sent.size() - udp().size(); }
};

const std::vector<Endpoint> never = {
    endpoint("192.168.77.21:80"), endpoint("10.0.0.1:161"),          endpoint("172.16.3.4:9100"),
    endpoint("127.0.0.1:631"),    endpoint("169.254.1.1:80"),        endpoint("100.64.0.9:80"),
    endpoint("224.0.0.251:5353"), endpoint("198.51.100.9:443"),      endpoint("255.255.255.255:67"),
    endpoint("0.0.0.0:1"),        endpoint("[fe80::1]:80"),          endpoint("[fd00::1]:80"),
    endpoint("[::1]:80"),         endpoint("[2002:c0a8:4d15::1]:80")};

TEST(PathsUnderAttack, a_map_that_names_lan_addresses_causes_no_packet) {
  Attacked node(never);
  node.go_on(minutes(3));
  EXPECT_TRUE(node.udp().empty());
  EXPECT_EQ(node.paths.counters().endpoints_refused, never.size());
}

TEST(PathsUnderAttack, a_call_me_maybe_that_names_lan_addresses_causes_no_packet) {
  Attacked node;
  node.give(node.relay(), disco::encode(disco::CallMeMaybe{never}));
  node.go_on(minutes(1));
  EXPECT_TRUE(node.udp().empty());
  EXPECT_EQ(node.paths.counters().endpoints_refused, never.size());
}

TEST(PathsUnderAttack, a_ping_from_a_lan_address_is_not_answered_over_udp) {
  Attacked node;
  for (const Endpoint& from : never) node.give(from, node.ping());
  node.go_on(minutes(1));
  EXPECT_TRUE(node.udp().empty());
  EXPECT_EQ(node.paths.counters().sources_refused, never.size());
}

TEST(PathsUnderAttack, a_pong_that_comes_from_a_lan_address_proves_nothing) {
  const Endpoint home = endpoint("203.0.113.9:1");
  Attacked node({home});
  node.paths.note_sent(node.peer, node.now);
  node.drain();
  ASSERT_EQ(node.udp(), std::vector{home});
  for (const std::size_t padding : {1u, 1188u}) {  // a small one, then one of full size
    const auto ping = node.asked_last();
    EXPECT_EQ(ping.padding_bytes, padding);
    node.give(endpoint("192.168.1.1:1"), disco::encode(disco::Pong{.transaction = ping.transaction, .source = home}));
    EXPECT_FALSE(node.paths.route(node.peer, node.now).direct);
    node.give(home, disco::encode(disco::Pong{.transaction = ping.transaction, .source = home}));
  }
  EXPECT_EQ(node.paths.route(node.peer, node.now).direct, home);
}

TEST(PathsUnderAttack, a_network_that_becomes_our_own_gets_no_further_packet) {
  const Endpoint neighbour = endpoint("203.0.113.9:1");
  Attacked node({neighbour});
  node.paths.note_sent(node.peer, node.now);  // a ping waits to be sent
  node.paths.set_own_prefixes({Prefix::parse("203.0.113.0/24").value()}, node.now);
  node.drain();
  node.go_on(minutes(1));
  EXPECT_TRUE(node.udp().empty());
  EXPECT_EQ(node.paths.route(node.peer, node.now), (Route{.direct = std::nullopt, .relay = 1}));
}

TEST(PathsUnderAttack, a_stun_server_on_the_lan_is_not_asked) {
  Attacked node;
  const StunServer lan{.host = "stun.example", .ipv4 = IpAddress::parse("192.168.77.1"), .ipv6 = std::nullopt};
  const StunServer named{.host = "printer.example", .ipv4 = std::nullopt, .ipv6 = std::nullopt};
  node.paths.set_relay_map({Region{.id = 1, .stun = lan}, Region{.id = 2, .stun = named}}, node.now);
  int questions = 0;
  while (auto event = node.paths.poll_event()) {
    const auto* question = std::get_if<ResolveStun>(&*event);
    if (question == nullptr) continue;
    questions++;
    EXPECT_EQ(question->host, "printer.example");
  }
  EXPECT_EQ(questions, 1);
  node.paths.set_stun_addresses(2, {endpoint("192.168.77.21:3478"), endpoint("[fd00::5]:3478")}, node.now);
  node.go_on(minutes(2));
  EXPECT_TRUE(node.udp().empty());
  EXPECT_EQ(node.paths.counters().endpoints_refused, 3u);
}

TEST(PathsUnderAttack, a_vouched_private_stun_server_is_asked_and_its_view_of_us_is_not_published) {
  SeededRandom random(5);
  Instant now;
  Paths paths(crypto::DiscoPrivateKey::generate(random), {},
              EndpointGuard({Prefix::parse("10.1.2.0/24").value()}, {Prefix::parse("10.1.2.3").value()}), random, now);
  paths.set_sockets({.ipv4 = true, .ipv6 = false}, now);
  const StunServer vouched{.host = "", .ipv4 = IpAddress::parse("10.1.2.3"), .ipv6 = std::nullopt};
  paths.set_relay_map({Region{.id = 1, .stun = vouched}}, now);
  const auto request = paths.poll_transmit();
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<Endpoint>(request->to), endpoint("10.1.2.3:3478"));
  const auto transaction = stun::parse_request(request->datagram, stun::RequestForm::tailnode).value();
  paths.handle_stun(endpoint("10.1.2.3:3478"), stun::response(transaction, endpoint("10.1.2.77:41641")), now);
  EXPECT_TRUE(paths.own_endpoints().empty());
  EXPECT_EQ(paths.region_latencies().size(), 1u);
}

TEST(PathsUnderAttack, a_stun_answer_nobody_asked_for_changes_nothing) {
  Attacked node;
  node.paths.handle_stun(endpoint("192.0.2.1:3478"), stun::response({}, endpoint("203.0.113.66:1")), node.now);
  EXPECT_TRUE(node.paths.own_endpoints().empty());
  EXPECT_EQ(node.paths.counters().unexpected_stun, 1u);
}

TEST(PathsUnderAttack, strangers_and_forgers_get_no_answer) {
  Attacked node;
  const auto stranger = crypto::DiscoPrivateKey::generate(node.random);
  const auto stranger_box = crypto::BoxKey::between(stranger.secret_bytes(), node.own_key.public_key().bytes());
  const Endpoint from = endpoint("203.0.113.9:1");
  node.paths.handle_disco(from, disco::seal(stranger.public_key(), *stranger_box, node.ping(), node.random), node.now);
  EXPECT_EQ(node.paths.counters().unknown_senders, 1u);
  node.paths.handle_disco(from, disco::seal(node.peer_key.public_key(), *stranger_box, node.ping(), node.random),
                          node.now);
  EXPECT_EQ(node.paths.counters().not_authentic, 1u);
  node.drain();
  EXPECT_TRUE(node.sent.empty());
}

TEST(PathsUnderAttack, a_repeated_ping_is_answered_once) {
  Attacked node;
  const Buffer ping = node.ping();
  const Endpoint from = endpoint("203.0.113.9:1");
  node.give(from, ping);
  const std::size_t answered = node.udp().size();
  EXPECT_EQ(answered, 2u);  // the pong, and a ping of our own
  for (int i = 0; i < 100; i++) node.give(from, ping);
  EXPECT_EQ(node.udp().size(), answered);
  EXPECT_EQ(node.paths.counters().duplicate_pings, 100u);
}

TEST(PathsUnderAttack, a_ping_of_a_stock_client_is_answered_when_full_size_has_passed_and_once) {
  Attacked node;
  const Buffer ping = disco::encode(disco::Ping{.transaction = {std::byte{3}}, .node_key = node.peer});
  const Endpoint from = endpoint("203.0.113.9:1");
  for (int i = 0; i < 100; i++) node.give(from, ping);
  ASSERT_EQ(node.sent.size(), 1u);
  const auto pong = [&] { return disco::encode(disco::Pong{node.asked_last().transaction, from}); };
  node.give(from, pong());
  ASSERT_EQ(node.sent.size(), 2u);
  EXPECT_EQ(node.sent.back().datagram.size(), full_size_bytes);
  node.give(from, pong());
  ASSERT_EQ(node.sent.size(), 3u);
  const auto opened = node.box.open(Bytes(node.sent.back().datagram).subspan(38));
  EXPECT_EQ(disco::parse(*opened).value(), disco::Message(disco::Pong{{std::byte{3}}, from}));
}

TEST(PathsUnderAttack, a_repeated_pong_does_not_prolong_trust) {
  const Endpoint home = endpoint("203.0.113.9:1");
  Attacked node({home});
  node.paths.note_sent(node.peer, node.now);
  node.drain();
  const auto opened = node.box.open(Bytes(node.sent.front().datagram).subspan(38));
  const auto ping = std::get<disco::Ping>(disco::parse(*opened).value());
  const Buffer pong = node.sealed(disco::encode(disco::Pong{.transaction = ping.transaction, .source = home}));
  node.paths.handle_disco(home, pong, node.now);
  for (int i = 0; i < 7; i++) {
    node.now += seconds(1);
    node.paths.handle_disco(home, pong, node.now);
  }
  EXPECT_EQ(node.paths.counters().unexpected_pongs, 7u);
  EXPECT_EQ(node.paths.route(node.peer, node.now).relay, 1);
}

TEST(PathsUnderAttack, call_me_maybe_counts_only_through_the_relay_and_only_of_who_the_relay_names) {
  Attacked node;
  const Buffer call = disco::encode(disco::CallMeMaybe{{endpoint("203.0.113.9:1")}});
  node.give(endpoint("203.0.113.8:1"), call);
  EXPECT_EQ(node.paths.counters().call_me_maybe_misplaced, 1u);
  node.give(ViaRelay{.region = 1, .peer = node.own_node}, call);
  EXPECT_EQ(node.paths.counters().unknown_senders, 1u);
  EXPECT_TRUE(node.sent.empty());
  node.give(node.relay(), call);
  EXPECT_EQ(node.udp(), std::vector{endpoint("203.0.113.9:1")});
  EXPECT_EQ(node.to_relay(), 0u);  // answered by pings, never by another call
}

TEST(PathsUnderAttack, a_ping_in_the_name_of_another_node_is_not_answered) {
  Attacked node;
  const auto other = crypto::NodePrivateKey::generate(node.random).public_key();
  node.give(endpoint("203.0.113.9:1"), disco::encode(disco::Ping{.transaction = {}, .node_key = other}));
  EXPECT_TRUE(node.sent.empty());
}

TEST(PathsUnderAttack, two_nodes_with_one_disco_key_are_told_apart_by_the_ping) {
  Attacked node;
  const auto twin = crypto::NodePrivateKey::generate(node.random).public_key();
  node.paths.set_peer(twin, {.disco_key = node.peer_key.public_key(), .home_region = 1, .endpoints = {}}, node.now);
  const Endpoint from = endpoint("203.0.113.9:1");
  node.give(from, disco::encode(disco::Ping{.transaction = {}, .node_key = twin, .padding_bytes = 1}));
  ASSERT_EQ(node.udp().size(), 2u);
  for (int i = 0; i < 2; i++) {
    node.give(from, disco::encode(disco::Pong{.transaction = node.asked_last().transaction, .source = from}));
  }
  EXPECT_EQ(node.paths.route(twin, node.now).direct, from);
  EXPECT_FALSE(node.paths.route(node.peer, node.now).direct);
}

TEST(PathsUnderAttack, pings_from_ever_new_addresses_fill_no_memory_and_do_not_push_out_the_known_ones) {
  const Endpoint home = endpoint("203.0.113.9:1");
  Attacked node({home});
  for (int i = 1; i <= 5000; i++) {
    node.give(Endpoint{.address = IpAddress::v4(0x01000000 + static_cast<std::uint32_t>(i)), .port = 9}, node.ping());
  }
  node.sent.clear();
  node.now += seconds(10);
  node.paths.handle_timeout(node.now);
  node.paths.note_sent(node.peer, node.now);
  node.drain();
  EXPECT_LE(node.udp().size(), PeerPath::pings_outstanding_max);
  // The table is full of the attacker's addresses; ours is still pinged in its turn.
  node.go_on(minutes(2));
  const auto sent = node.udp();
  EXPECT_NE(std::ranges::find(sent, home), sent.end());
}

TEST(PathsUnderAttack, a_flood_of_calls_makes_a_bounded_number_of_pings) {
  Attacked node;
  for (int i = 0; i < 1000; i++) {
    disco::CallMeMaybe call;
    for (std::uint32_t k = 0; k < 64; k++) {
      call.endpoints.push_back(
          {.address = IpAddress::v4(0x01000000 + static_cast<std::uint32_t>(i) * 64 + k), .port = 7});
    }
    node.give(node.relay(), disco::encode(call));
    node.now += milliseconds(1);
  }
  EXPECT_LE(node.udp().size(), PeerPath::pings_outstanding_max);
}

TEST(PathsUnderAttack, an_owner_that_does_not_drain_is_bounded) {
  Attacked node;
  for (int i = 0; i < 5000; i++) node.paths.handle_disco(node.relay(), node.sealed(node.ping()), node.now);
  std::size_t waiting = 0;
  while (node.paths.poll_transmit()) waiting++;
  EXPECT_EQ(waiting, transmits_waiting_max);
  EXPECT_GT(node.paths.counters().transmits_dropped, 0u);
}

TEST(PathsUnderAttack, no_more_peers_than_the_bound) {
  Attacked node;
  std::size_t taken = 1;
  while (taken < peers_max + 10 &&
         node.paths.set_peer(crypto::NodePublicKey(node.random.array<32>()), PeerInfo{}, node.now)) {
    taken++;
  }
  EXPECT_EQ(taken, peers_max);
}

TEST(PathsUnderAttack, a_disco_key_of_low_order_is_no_key) {
  Attacked node;
  std::array<std::byte, 32> one{};
  one[0] = std::byte{1};
  const auto victim = crypto::NodePrivateKey::generate(node.random).public_key();
  node.paths.set_peer(
      victim, {.disco_key = crypto::DiscoPublicKey(one), .home_region = 1, .endpoints = {endpoint("203.0.113.9:1")}},
      node.now);
  node.paths.note_sent(victim, node.now);
  node.drain();
  EXPECT_TRUE(node.sent.empty());
}

TEST(PathsUnderAttack, messages_of_relays_and_of_the_future_are_ignored) {
  Attacked node;
  for (std::uint8_t type = 4; type < 12; type++) {
    node.give(node.relay(), Buffer{std::byte{type}, std::byte{0}, std::byte{1}, std::byte{2}});
  }
  EXPECT_EQ(node.paths.counters().ignored_types, 8u);
  node.give(node.relay(), Buffer{});
  EXPECT_EQ(node.paths.counters().malformed, 1u);
  EXPECT_TRUE(node.sent.empty());
}

}  // namespace
}  // namespace quoin::path
