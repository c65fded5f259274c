// A way that loses large datagrams without a word: what our Paths make of it, with a stock client at the other end.
#include <algorithm>

#include <gtest/gtest.h>

#include "path/simulated_net.h"

namespace quoin::path {
namespace {

constexpr std::string_view agent_address = "198.51.100.1:41641";
constexpr std::string_view engineer_address = "203.0.113.9:50000";
constexpr std::size_t uplink_bytes = 1272;  // 1300 with the headers
constexpr std::size_t small_bytes = 100;

const Route direct{.direct = endpoint(engineer_address), .relay = std::nullopt};
const Route direct_back{.direct = endpoint(agent_address), .relay = std::nullopt};
const Route by_relay{.direct = std::nullopt, .relay = 1};

enum class Other { stock, of_our_kind };

struct TwoNodes {
  SimulatedNet net;
  SimulatedNet::Host* agent;
  SimulatedNet::Host* engineer;

  explicit TwoNodes(Other other = Other::stock) {
    net.add_region(1, "192.0.2.1:3478");
    agent = &net.add_host("agent", agent_address, Filtering::address_and_port_dependent);
    engineer = &net.add_host("engineer", engineer_address, Filtering::address_and_port_dependent);
    if (other == Other::stock) {
      engineer->is_stock = true;
      net.start(*engineer);
    }
    net.run(seconds(2));
    net.introduce(*agent, *engineer);
  }
  void loses_large(bool out, bool in) {
    agent->largest_out = out ? uplink_bytes : SIZE_MAX;
    agent->largest_in = in ? uplink_bytes : SIZE_MAX;
  }
  void chat(Duration how_long) { net.chat(*agent, *engineer, how_long); }
  Route route() const { return agent->paths->route(engineer->node_key, net.now); }
  Route route_back() const { return engineer->paths->route(agent->node_key, net.now); }
  PathKind shown() const {
    PathKind last = NoPath{};
    for (const Event& event : agent->events) {
      if (const auto* changed = std::get_if<PathChanged>(&event)) last = changed->path;
    }
    return last;
  }
  std::size_t large_sent() const {
    return static_cast<std::size_t>(std::ranges::count_if(agent->transmitted, [](const Transmit& each) {
      return std::holds_alternative<Endpoint>(each.to) && each.datagram.size() >= full_size_bytes;
    }));
  }
  // What the engineer's client sends now arrives, or not, as its route says and the uplink lets it.
  void engineer_sends(std::size_t bytes) {
    if (!route_back().direct || bytes > agent->largest_in) return;
    agent->paths->note_received_directly(engineer->node_key, bytes, net.now);
  }
  void agent_misses(Instant since, bool certain = true) {
    agent->paths->note_missing(engineer->node_key, since, certain, net.now);
    net.settle();
  }
};

TEST(PathsFullSize, a_clean_way_is_direct_one_round_trip_after_the_first_pong) {
  TwoNodes two;
  two.net.send(*two.engineer, *two.agent);
  two.net.send(*two.agent, *two.engineer);
  while (!two.agent->paths->direct_latency(two.engineer->node_key)) two.net.run(milliseconds(1));
  EXPECT_EQ(two.route(), by_relay);
  two.net.run(2 * SimulatedNet::internet_latency);
  EXPECT_EQ(two.route(), direct);
  two.net.run(SimulatedNet::internet_latency);
  EXPECT_EQ(two.route_back(), direct_back);
  EXPECT_EQ(two.shown(), PathKind(DirectPath{endpoint(engineer_address)}));
}

TEST(PathsFullSize, what_loses_large_datagrams_either_way_or_on_the_way_out_never_becomes_direct) {
  for (const bool in : {true, false}) {
    TwoNodes two;
    two.loses_large(true, in);
    for (int i = 0; i < 60; i++) {
      two.chat(seconds(1));
      ASSERT_EQ(two.route(), by_relay);
      ASSERT_FALSE(two.route_back().direct) << "a stock client trusts whatever answers";
    }
    EXPECT_EQ(two.shown(), PathKind(RelayPath{.region = 1, .direct_is_too_narrow = true}));
    EXPECT_GT(two.agent->paths->counters().pings_held, 0u);
  }
}

TEST(PathsFullSize, it_becomes_direct_within_seconds_when_large_datagrams_pass_again) {
  TwoNodes two;
  two.loses_large(true, true);
  two.chat(seconds(30));
  two.loses_large(false, false);
  two.chat(seconds(4));
  EXPECT_EQ(two.route(), direct);
  two.chat(seconds(3));
  EXPECT_EQ(two.route_back(), direct_back);
  EXPECT_EQ(two.shown(), PathKind(DirectPath{endpoint(engineer_address)}));
}

TEST(PathsFullSize, a_way_that_narrows_goes_by_both_and_then_by_the_relay) {
  TwoNodes two;
  two.chat(seconds(10));
  ASSERT_EQ(two.route(), direct);
  two.loses_large(true, true);
  const Instant narrowed = two.net.now;
  while (two.route() == direct && two.net.now - narrowed < seconds(20)) two.chat(milliseconds(100));
  EXPECT_LE(two.net.now - narrowed, trust_after_pong + milliseconds(100));
  EXPECT_EQ(two.route().relay, 1);
  two.chat(seconds(6));
  EXPECT_EQ(two.route(), by_relay);
  two.chat(trust_after_pong);
  EXPECT_EQ(two.route_back().relay, 1);
}

TEST(PathsFullSize, a_few_lost_probes_change_nothing) {
  TwoNodes two;
  two.chat(seconds(10));
  for (int i = 0; i < 20; i++) {
    two.agent->loses_large = 1;
    for (int half_seconds = 0; half_seconds < 12; half_seconds++) {
      two.chat(milliseconds(500));
      ASSERT_EQ(two.route(), direct) << i;
      ASSERT_EQ(two.route_back(), direct_back) << i;
    }
  }
  TwoNodes at_first;
  at_first.agent->loses_large = 2;
  at_first.chat(seconds(2));
  EXPECT_EQ(at_first.route(), direct);
}

TEST(PathsFullSize, probes_have_a_pace) {
  TwoNodes two;
  two.loses_large(true, true);
  two.chat(minutes(1));
  EXPECT_LE(two.large_sent(), 6u + 60u / 3u + 1u);
  const auto before = two.large_sent();
  two.net.run(hours(1));  // nobody speaks
  EXPECT_LE(two.large_sent(), before + 45u / 3u + 1u);
  TwoNodes clean;
  clean.chat(minutes(1));
  EXPECT_LE(clean.large_sent(), 60u / 3u + 2u);
}

TEST(PathsFullSize, nothing_large_goes_to_an_address_that_has_not_answered) {
  TwoNodes two;
  two.engineer->largest_in = 0;  // it hears nothing
  two.chat(minutes(1));
  EXPECT_GT(two.net.sent_by_udp(*two.agent), 5);
  EXPECT_EQ(two.large_sent(), 0u);
}

// A relay that loses what is large (a hostile one does so at will) tells nothing of the direct way.
TEST(PathsFullSize, a_narrow_way_is_not_trusted_whatever_the_relay_loses) {
  TwoNodes two;
  two.engineer->answers_no_padding = true;
  two.chat(minutes(3));
  EXPECT_EQ(two.route(), by_relay);
}

TEST(PathsFullSize, two_of_our_kind_find_out_each_by_itself) {
  TwoNodes clean(Other::of_our_kind);
  clean.chat(seconds(1));
  EXPECT_EQ(clean.route(), direct);
  EXPECT_EQ(clean.route_back(), direct_back);
  for (const bool out : {true, false}) {
    TwoNodes narrow(Other::of_our_kind);
    narrow.loses_large(out, !out);
    narrow.chat(seconds(20));
    EXPECT_EQ(narrow.route(), out ? by_relay : direct);
    EXPECT_EQ(narrow.route_back(), out ? direct_back : by_relay);
  }
}

TEST(PathsFullSize, without_a_relay_what_is_small_gets_through_directly) {
  TwoNodes two;
  two.loses_large(true, true);
  two.chat(seconds(10));
  ASSERT_EQ(two.route(), by_relay);
  two.net.disconnect_relay(1);
  EXPECT_EQ(two.route().direct, endpoint(engineer_address));
}

// ---- what the engineer sends

TEST(PathsFullSize, large_datagrams_that_do_not_arrive_send_the_client_back_to_the_relay_and_it_is_tried_again_later) {
  TwoNodes two;
  two.loses_large(false, true);
  two.chat(seconds(2));
  ASSERT_EQ(two.route(), direct);
  ASSERT_EQ(two.route_back(), direct_back);  // what it sends in full packets is lost
  for (const Duration pause : {inbound_pause_first, 2 * inbound_pause_first}) {
    const Instant since = two.net.now;
    two.chat(seconds(2));
    two.engineer_sends(full_size_bytes);
    two.engineer_sends(small_bytes);
    two.agent_misses(since);
    EXPECT_EQ(two.route(), by_relay);
    EXPECT_EQ(two.shown(), PathKind(RelayPath{.region = 1, .direct_is_too_narrow = true}));
    two.chat(trust_after_pong);
    EXPECT_EQ(two.route_back().relay, 1);
    two.chat(pause - trust_after_pong - seconds(1));
    EXPECT_EQ(two.route(), by_relay);
    EXPECT_EQ(two.route_back(), by_relay);
    two.chat(seconds(10));
    EXPECT_EQ(two.route(), direct);
    EXPECT_EQ(two.route_back(), direct_back);
  }
}

TEST(PathsFullSize, bytes_that_are_missing_say_nothing_of_a_way_by_which_large_datagrams_come_or_nothing_does) {
  TwoNodes two;
  two.chat(seconds(2));
  const Instant since = two.net.now;
  two.chat(seconds(2));
  two.agent_misses(since);
  EXPECT_EQ(two.route(), direct) << "nothing has come directly";
  two.engineer_sends(small_bytes);
  two.engineer_sends(full_size_bytes);
  two.engineer_sends(small_bytes);
  two.agent_misses(since);
  EXPECT_EQ(two.route(), direct) << "a large one has come";
}

TEST(PathsFullSize, a_suspicion_costs_no_trust_and_saves_seconds_where_it_is_right) {
  TwoNodes two;
  two.chat(seconds(2));
  for (int i = 0; i < 20; i++) {
    const Instant since = two.net.now;
    two.chat(milliseconds(1500));
    two.engineer_sends(small_bytes);
    two.agent_misses(since, false);
    ASSERT_EQ(two.route(), direct);
    for (int half_seconds = 0; half_seconds < 18; half_seconds++) {
      two.chat(milliseconds(500));
      ASSERT_EQ(two.route_back(), direct_back) << i;
    }
  }
  const Instant since = two.net.now;
  for (int half_seconds = 0; half_seconds < 15; half_seconds++) {
    two.chat(milliseconds(500));
    two.engineer_sends(small_bytes);
    two.agent_misses(since, half_seconds > 3);
  }
  EXPECT_EQ(two.route_back().relay, 1);
}

TEST(PathsFullSize, a_large_datagram_that_was_the_last_progress_is_none_that_came_since) {
  TwoNodes two;
  two.chat(seconds(2));
  const Instant since = two.net.now;
  two.engineer_sends(full_size_bytes);
  two.chat(seconds(2));
  two.engineer_sends(small_bytes);
  two.agent_misses(since);
  EXPECT_EQ(two.route(), by_relay);
}

TEST(PathsFullSize, new_sockets_end_the_pause) {
  TwoNodes two;
  two.chat(seconds(2));
  const Instant since = two.net.now;
  two.chat(seconds(1));
  two.engineer_sends(small_bytes);
  two.agent_misses(since);
  ASSERT_EQ(two.route(), by_relay);
  two.agent->paths->set_sockets({.ipv4 = true, .ipv6 = false}, two.net.now);
  two.chat(seconds(6));
  EXPECT_EQ(two.route(), direct);
}

}  // namespace
}  // namespace quoin::path
