// Two nodes' Paths against each other over a simulated internet.
#include "path/paths.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "path/simulated_net.h"

namespace quoin::path {
namespace {

constexpr std::string_view agent_address = "198.51.100.1:41641";
constexpr std::string_view engineer_address = "203.0.113.9:50000";

struct TwoNodes {
  SimulatedNet net;
  SimulatedNet::Host* agent;
  SimulatedNet::Host* engineer;

  explicit TwoNodes(Filtering at_agent = Filtering::address_and_port_dependent,
                    Filtering at_engineer = Filtering::address_and_port_dependent) {
    net.add_region(1, "192.0.2.1:3478");
    agent = &net.add_host("agent", agent_address, at_agent);
    engineer = &net.add_host("engineer", engineer_address, at_engineer);
    net.run(seconds(2));
    net.introduce(*agent, *engineer);
  }
  Route route() const { return agent->paths->route(engineer->node_key, net.now); }
  Route route_back() const { return engineer->paths->route(agent->node_key, net.now); }
};

const Route direct_to_engineer{.direct = endpoint(engineer_address), .relay = std::nullopt};
const Route direct_to_agent{.direct = endpoint(agent_address), .relay = std::nullopt};
const Route by_relay{.direct = std::nullopt, .relay = 1};

PathKind last_path(const SimulatedNet::Host& host) {
  PathKind last = NoPath{};
  for (const Event& event : host.events) {
    if (const auto* changed = std::get_if<PathChanged>(&event)) last = changed->path;
  }
  return last;
}

TEST(Paths, learns_its_endpoint_and_home_at_the_start) {
  TwoNodes two;
  EXPECT_EQ(two.agent->published, std::vector{endpoint(agent_address)});
  EXPECT_EQ(two.agent->home, 1);
  EXPECT_TRUE(two.agent->relays.contains(1));
}

TEST(Paths, the_first_packet_goes_through_the_relay) {
  TwoNodes two;
  EXPECT_EQ(two.net.send(*two.agent, *two.engineer), by_relay);
}

TEST(Paths, becomes_direct_through_every_pair_of_filters) {
  for (const Filtering a : {Filtering::endpoint_independent, Filtering::address_and_port_dependent}) {
    for (const Filtering b : {Filtering::endpoint_independent, Filtering::address_and_port_dependent}) {
      TwoNodes two(a, b);
      two.net.chat(*two.agent, *two.engineer, seconds(1));
      EXPECT_EQ(two.route(), direct_to_engineer);
      EXPECT_EQ(two.route_back(), direct_to_agent);
      EXPECT_EQ(last_path(*two.agent), PathKind(DirectPath{endpoint(engineer_address)}));
    }
  }
}

TEST(Paths, becomes_direct_when_only_one_side_sends) {
  TwoNodes two;
  two.net.send(*two.engineer, *two.agent);
  two.net.run(seconds(1));
  EXPECT_EQ(two.route_back(), direct_to_agent);
}

TEST(Paths, a_mapping_that_differs_by_destination_is_found_from_its_pings) {
  TwoNodes two(Filtering::endpoint_independent, Filtering::endpoint_independent);
  two.engineer->mapping = Mapping::address_and_port_dependent;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  ASSERT_TRUE(two.route().direct);
  EXPECT_NE(two.route(), direct_to_engineer);
  EXPECT_EQ(two.route().direct->address, endpoint(engineer_address).address);
  EXPECT_EQ(two.route_back(), direct_to_agent);
}

TEST(Paths, stays_on_the_relay_where_udp_is_blocked) {
  TwoNodes two(Filtering::blocks_udp);
  two.net.chat(*two.agent, *two.engineer, seconds(30));
  EXPECT_EQ(two.route(), by_relay);
  EXPECT_EQ(two.route_back(), by_relay);
  EXPECT_EQ(last_path(*two.agent), PathKind(RelayPath{1}));
}

TEST(Paths, without_any_stun_answer_there_is_a_home_all_the_same) {
  SimulatedNet net;
  net.add_region(7, "192.0.2.7:3478");
  net.add_region(3, "192.0.2.3:3478");
  auto& host = net.add_host("agent", agent_address, Filtering::blocks_udp);
  EXPECT_EQ(host.home, 0);
  net.run(seconds(2));
  EXPECT_EQ(host.home, 3);
  EXPECT_TRUE(host.relays.contains(3));
}

TEST(Paths, trust_lasts_six_and_a_half_seconds_after_the_last_pong) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(1));
  two.net.run(seconds(5));
  EXPECT_EQ(two.route(), direct_to_engineer);  // no data, no heartbeats for long: trust is still from the last pong
  two.net.run(minutes(2));
  EXPECT_EQ(two.route(), (Route{.direct = endpoint(engineer_address), .relay = 1}));
}

TEST(Paths, heartbeats_keep_trust_while_data_flows) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(1));
  for (int i = 0; i < 600; i++) {
    two.net.run(milliseconds(500));
    two.net.send(*two.agent, *two.engineer);
    ASSERT_EQ(two.route(), direct_to_engineer) << i;
  }
}

TEST(Paths, goes_back_to_the_relay_when_udp_is_cut_and_direct_again_when_it_returns) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  ASSERT_EQ(two.route(), direct_to_engineer);

  two.engineer->filtering = Filtering::blocks_udp;
  const Instant cut = two.net.now;
  while (two.route() == direct_to_engineer && two.net.now - cut < seconds(20)) {
    two.net.chat(*two.agent, *two.engineer, milliseconds(100), milliseconds(100));
  }
  EXPECT_LE(two.net.now - cut, milliseconds(6600));
  EXPECT_EQ(two.route().relay, 1);  // both ways at first
  two.net.chat(*two.agent, *two.engineer, seconds(6));
  EXPECT_EQ(two.route(), by_relay);
  EXPECT_EQ(last_path(*two.agent), PathKind(RelayPath{1}));

  two.engineer->filtering = Filtering::address_and_port_dependent;
  two.net.chat(*two.agent, *two.engineer, seconds(6));
  EXPECT_EQ(two.route(), direct_to_engineer);
}

TEST(Paths, a_peer_that_restarts_on_a_new_port_is_found_again) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  two.engineer->mapped = endpoint("203.0.113.9:50777");
  two.net.start(*two.engineer);
  two.net.run(milliseconds(500));
  two.net.introduce(*two.agent, *two.engineer);
  two.net.chat(*two.agent, *two.engineer, seconds(1));
  EXPECT_EQ(two.route(), (Route{.direct = endpoint("203.0.113.9:50777"), .relay = std::nullopt}));
}

TEST(Paths, a_changed_disco_key_ends_trust_at_once_and_all_addresses_are_pinged) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  ASSERT_EQ(two.route(), direct_to_engineer);
  const int before = two.net.sent_by_udp(*two.agent);
  two.agent->paths->set_peer(two.engineer->node_key,
                             {.disco_key = crypto::DiscoPrivateKey::generate(*two.engineer->random).public_key(),
                              .home_region = 1,
                              .endpoints = two.engineer->published},
                             two.net.now);
  two.net.settle();
  EXPECT_EQ(two.route(), by_relay);
  EXPECT_EQ(two.net.sent_by_udp(*two.agent), before + 1);
}

TEST(Paths, an_update_without_disco_key_keeps_the_path) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  two.agent->paths->set_peer(two.engineer->node_key,
                             {.disco_key = {}, .home_region = 1, .endpoints = two.engineer->published}, two.net.now);
  EXPECT_EQ(two.route(), direct_to_engineer);
}

TEST(Paths, a_disco_key_that_comes_late_starts_the_search_for_waiting_data) {
  TwoNodes two;
  two.agent->paths->remove_peer(two.engineer->node_key, two.net.now);
  two.agent->paths->set_peer(two.engineer->node_key,
                             {.disco_key = {}, .home_region = 1, .endpoints = two.engineer->published}, two.net.now);
  EXPECT_EQ(two.net.send(*two.agent, *two.engineer), by_relay);
  two.net.run(seconds(1));
  EXPECT_EQ(two.route(), by_relay);
  two.net.tell(*two.agent, *two.engineer);
  two.net.run(seconds(1));
  EXPECT_EQ(two.route(), direct_to_engineer);
}

TEST(Paths, a_peer_without_known_address_is_called_through_the_relay) {
  TwoNodes two(Filtering::endpoint_independent);
  two.agent->paths->remove_peer(two.engineer->node_key, two.net.now);
  two.agent->paths->set_peer(two.engineer->node_key,
                             {.disco_key = two.engineer->paths->own_disco_key(), .home_region = 1, .endpoints = {}},
                             two.net.now);
  two.net.send(*two.agent, *two.engineer);
  two.net.run(seconds(1));
  EXPECT_EQ(two.route(), direct_to_engineer);
}

TEST(Paths, call_me_maybe_names_only_fresh_endpoints) {
  TwoNodes two;
  two.net.run(minutes(10));  // nothing flows, nothing is asked
  const auto stun_requests = [&] {
    return std::ranges::count_if(two.agent->transmitted, [&](const Transmit& each) {
      const auto* to = std::get_if<Endpoint>(&each.to);
      return to != nullptr && two.net.stun_servers.contains(*to);
    });
  };
  const auto calls = [&] {
    return std::ranges::count_if(two.agent->transmitted,
                                 [](const Transmit& each) { return std::holds_alternative<ViaRelay>(each.to); });
  };
  const auto requests_before = stun_requests();
  const auto calls_before = calls();
  two.agent->mapped = endpoint("198.51.100.1:2222");  // meanwhile the NAT has forgotten
  two.net.send(*two.agent, *two.engineer);
  EXPECT_EQ(calls(), calls_before);
  EXPECT_GT(stun_requests(), requests_before);
  two.net.run(milliseconds(50));
  EXPECT_EQ(calls(), calls_before + 1);
  two.net.run(seconds(1));
  EXPECT_EQ(two.route(), direct_to_engineer);
  EXPECT_EQ(two.agent->published.front(), endpoint("198.51.100.1:2222"));
}

TEST(Paths, asks_stun_every_20_to_26_seconds_while_there_is_traffic_and_not_otherwise) {
  TwoNodes two;
  std::vector<Instant> reports;
  std::size_t seen = two.agent->transmitted.size();
  for (int i = 0; i < 2400; i++) {
    two.net.send(*two.agent, *two.engineer);
    two.net.run(milliseconds(100));
    for (; seen < two.agent->transmitted.size(); seen++) {
      const auto* to = std::get_if<Endpoint>(&two.agent->transmitted[seen].to);
      if (to != nullptr && two.net.stun_servers.contains(*to)) reports.push_back(two.net.now);
    }
  }
  ASSERT_GE(reports.size(), 9u);
  for (std::size_t i = 1; i < reports.size(); i++) {
    EXPECT_GE(reports[i] - reports[i - 1], seconds(20) - milliseconds(200));
    EXPECT_LE(reports[i] - reports[i - 1], seconds(26) + milliseconds(200));
  }
  two.net.run(minutes(2));
  seen = two.agent->transmitted.size();
  two.net.run(hours(1));
  EXPECT_EQ(two.agent->transmitted.size(), seen);
}

TEST(Paths, an_idle_node_does_not_wake) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(10));
  two.net.run(minutes(3));
  EXPECT_FALSE(two.agent->paths->poll_timeout());
  EXPECT_FALSE(two.engineer->paths->poll_timeout());
  const int before = two.net.timeouts;
  two.net.run(hours(10));
  EXPECT_EQ(two.net.timeouts, before);
}

TEST(Paths, new_sockets_prove_everything_anew) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  two.agent->mapped = endpoint("198.51.100.77:1234");
  two.agent->sent_to.clear();
  two.agent->paths->set_sockets({.ipv4 = true, .ipv6 = false}, two.net.now);
  two.net.settle();
  EXPECT_EQ(two.route(), by_relay);
  two.net.chat(*two.agent, *two.engineer, seconds(6));
  EXPECT_EQ(two.route(), direct_to_engineer);
  EXPECT_EQ(two.route_back(), (Route{.direct = endpoint("198.51.100.77:1234"), .relay = std::nullopt}));
  EXPECT_EQ(two.agent->published, std::vector{endpoint("198.51.100.77:1234")});
}

TEST(Paths, nothing_leaves_by_udp_without_a_socket_for_it) {
  TwoNodes two;
  two.agent->paths->set_sockets({}, two.net.now);
  two.net.settle();
  const int before = two.net.sent_by_udp(*two.agent);
  two.net.chat(*two.agent, *two.engineer, seconds(20));
  EXPECT_EQ(two.net.sent_by_udp(*two.agent), before);
  EXPECT_EQ(two.route(), by_relay);
}

TEST(Paths, an_address_that_the_system_cannot_reach_is_given_up_at_once) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  two.agent->paths->note_unreachable(endpoint("198.51.100.99:1"), two.net.now);
  EXPECT_NE(two.route(), by_relay) << "another address says nothing of this one";
  two.agent->paths->note_unreachable(endpoint(engineer_address), two.net.now);
  EXPECT_EQ(two.route(), by_relay);
}

TEST(Paths, a_removed_peer_has_no_route_and_is_not_answered) {
  TwoNodes two;
  two.net.chat(*two.agent, *two.engineer, seconds(2));
  two.agent->paths->remove_peer(two.engineer->node_key, two.net.now);
  two.net.settle();
  EXPECT_EQ(two.route(), Route{});
  EXPECT_EQ(last_path(*two.agent), PathKind(NoPath{}));
  const int before = two.net.sent_by_udp(*two.agent);
  for (int i = 0; i < 20; i++) {
    two.net.send(*two.engineer, *two.agent);
    two.net.run(seconds(1));
  }
  EXPECT_EQ(two.net.sent_by_udp(*two.agent), before);
  EXPECT_GT(two.agent->paths->counters().unknown_senders, 0u);
}

TEST(Paths, a_peers_relay_is_connected_when_needed_and_released_when_idle) {
  SimulatedNet net;
  net.add_region(1, "192.0.2.1:3478", milliseconds(5));
  net.add_region(2, "192.0.2.2:3478", milliseconds(50));
  auto& agent = net.add_host("agent", agent_address, Filtering::blocks_udp);
  auto& engineer = net.add_host("engineer", engineer_address, Filtering::blocks_udp);
  net.run(seconds(2));
  engineer.home = 2;
  net.introduce(agent, engineer);
  EXPECT_EQ(net.send(agent, engineer), (Route{.direct = std::nullopt, .relay = 2}));
  net.run(seconds(1));
  EXPECT_TRUE(agent.relays.contains(2));
  net.run(seconds(58));
  EXPECT_TRUE(agent.relays.contains(2));
  net.run(seconds(2));
  EXPECT_FALSE(agent.relays.contains(2));
  EXPECT_TRUE(agent.relays.contains(1));
}

TEST(Paths, answers_go_where_the_peer_was_seen_until_its_home_is_connected) {
  SimulatedNet net;
  net.add_region(1, "192.0.2.1:3478", milliseconds(5));
  net.add_region(2, "192.0.2.2:3478", milliseconds(50));
  auto& agent = net.add_host("agent", agent_address, Filtering::blocks_udp);
  auto& engineer = net.add_host("engineer", engineer_address, Filtering::blocks_udp);
  net.run(seconds(2));
  engineer.home = 2;
  net.introduce(agent, engineer);
  net.relays_down.insert(2);
  agent.paths->note_received_through(1, engineer.node_key, net.now);
  EXPECT_EQ(net.send(agent, engineer), (Route{.direct = std::nullopt, .relay = 1}));
  agent.paths->handle_peer_gone(1, engineer.node_key, net.now);
  EXPECT_EQ(net.send(agent, engineer), (Route{.direct = std::nullopt, .relay = 2}));
}

TEST(Paths, the_home_moves_when_its_relay_stays_down_and_not_while_control_is_gone) {
  SimulatedNet net;
  net.add_region(1, "192.0.2.1:3478", milliseconds(5));
  net.add_region(2, "192.0.2.2:3478", milliseconds(50));
  auto& agent = net.add_host("agent", agent_address, Filtering::address_and_port_dependent);
  net.run(seconds(2));
  ASSERT_EQ(agent.home, 1);
  agent.paths->set_control_connected(false, net.now);
  net.disconnect_relay(1);
  net.run(minutes(1));
  EXPECT_EQ(agent.home, 1);
  agent.paths->set_control_connected(true, net.now);
  net.run(seconds(11));
  EXPECT_EQ(agent.home, 2);
  EXPECT_TRUE(agent.relays.contains(2));
}

TEST(Paths, a_region_that_leaves_the_map_is_let_go) {
  TwoNodes two;
  two.net.map.clear();
  two.net.add_region(9, "192.0.2.9:3478");
  two.agent->paths->set_relay_map(two.net.map, two.net.now);
  two.net.run(seconds(1));
  EXPECT_EQ(two.agent->home, 9);
  EXPECT_FALSE(two.agent->relays.contains(1));
  EXPECT_TRUE(two.agent->relays.contains(9));
}

TEST(Paths, a_faster_address_replaces_a_slower_one_and_a_little_faster_one_does_not) {
  const auto proven = [](std::string_view address, int latency_ms) {
    return Proven{.endpoint = endpoint(address), .latency = milliseconds(latency_ms)};
  };
  EXPECT_TRUE(is_better(proven("192.0.2.1:1", 10), proven("192.0.2.2:1", 20)));
  EXPECT_FALSE(is_better(proven("192.0.2.1:1", 20), proven("192.0.2.2:1", 10)));
  EXPECT_FALSE(is_better(proven("192.0.2.1:1", 100), proven("192.0.2.2:1", 101)));
  EXPECT_TRUE(is_better(proven("[2001:db8::1]:1", 105), proven("192.0.2.2:1", 100)));
  EXPECT_FALSE(is_better(proven("192.0.2.2:1", 100), proven("[2001:db8::1]:1", 105)));
  EXPECT_FALSE(is_better(proven("[2001:db8::1]:1", 150), proven("192.0.2.2:1", 100)));
}

}  // namespace
}  // namespace quoin::path
