// The client against the server in a box, on a virtual clock.
#include "control/client.h"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "control/control_in_a_box.h"

namespace quoin::control {
namespace {

constexpr std::string_view join_key = "hskey-auth-good";
constexpr Duration a_moment = milliseconds(1);

class ControlClient : public ::testing::Test {
 protected:
  ControlClient() { box.join_keys[std::string(join_key)] = {.login = "agents@example.com", .tags = {"tag:device"}}; }

  // One node and its wire to the box.
  struct Node {
    Node(ControlClient& test, std::uint64_t seed, std::optional<crypto::MachinePublicKey> pin)
        : random(seed),
          node_key(crypto::NodePrivateKey::generate(random).public_key()),
          disco_key(crypto::DiscoPrivateKey::generate(random).public_key()),
          client({.machine_key = crypto::MachinePrivateKey::generate(random),
                  .node_key = node_key,
                  .disco_key = disco_key,
                  .authority = "control.example",
                  .hostname = "mfp",
                  .server_key = pin},
                 random, test.now) {}

    SeededRandom random;
    crypto::NodePublicKey node_key;
    crypto::DiscoPublicKey disco_key;
    Client client;
    std::optional<ControlInABox::ConnectionId> connection;
    std::vector<ClientEvent> events;
  };

  // Everything that happens without time passing.
  void settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& node : nodes) moved = settle(*node) || moved;
    }
  }

  bool settle(Node& node) {
    bool moved = false;
    while (auto event = node.client.poll_event()) {
      moved = true;
      if (std::holds_alternative<WantConnection>(*event)) connect(node);
      if (std::holds_alternative<WantJoinKey>(*event) && !offered_key.empty()) {
        node.client.provide_join_key(offered_key, now);
      }
      node.events.push_back(*std::move(event));
    }
    if (!node.connection) return moved;
    const Buffer up = node.client.poll_transmit();
    if (!node.client.connected()) {
      box.disconnect(*node.connection);
      node.connection.reset();
      return true;
    }
    box.handle_bytes(*node.connection, up);
    const Buffer down = box.poll_transmit(*node.connection);
    for (Bytes rest = down; !rest.empty();) {
      const Bytes piece = rest.first(std::min(piece_bytes, rest.size()));
      rest = rest.subspan(piece.size());
      node.client.handle_bytes(piece, now);
    }
    if (!box.connected(*node.connection)) {
      node.connection.reset();
      node.client.connection_closed(now);
      return true;
    }
    return moved || !up.empty() || !down.empty();
  }

  void connect(Node& node) {
    if (!reachable) return node.client.connection_failed(now);
    const auto initiation = node.client.connection_opened(shown_key.value_or(box.public_key()), now);
    if (!initiation) return;
    EXPECT_EQ(initiation->size(), noise::initiation_bytes);
    node.connection = box.connect(*initiation);
    node.client.upgraded(now);
    if (!first_bytes.empty()) {
      node.client.handle_bytes(bytes_of(first_bytes), now);
    } else if (!node.connection) {
      node.client.connection_closed(now);
    }
  }

  // Lets time pass, stopping at each deadline.
  void pass(Duration duration) {
    const Instant end = now + duration;
    settle();
    for (int steps = 0; steps < 100'000; steps++) {
      std::optional<Instant> next;
      for (const auto& node : nodes) {
        const auto timeout = node->client.poll_timeout();
        if (timeout && (!next || *timeout < *next)) next = timeout;
      }
      if (!next || *next > end) break;
      now = std::max(now, *next);
      for (auto& node : nodes) {
        node->client.handle_timeout(now);
        const auto again = node->client.poll_timeout();
        if (again) EXPECT_GT(*again + milliseconds(1), now) << "a deadline stays in the past";
      }
      settle();
    }
    now = end;
  }

  Node& add(std::optional<crypto::MachinePublicKey> pin = {}) {
    nodes.push_back(std::make_unique<Node>(*this, 100 + nodes.size(), pin));
    return *nodes.back();
  }
  Node& join() {
    Node& node = add();
    pass(a_moment);
    EXPECT_TRUE(box.streams_to(node.node_key));
    return node;
  }

  template <class T>
  static std::size_t count(const Node& node) {
    return static_cast<std::size_t>(
        std::ranges::count_if(node.events, [](const auto& event) { return std::holds_alternative<T>(event); }));
  }
  template <class T>
  static const T& last(const Node& node) {
    for (auto event = node.events.rbegin(); event != node.events.rend(); ++event) {
      if (const auto* found = std::get_if<T>(&*event)) return *found;
    }
    static const T none{};
    ADD_FAILURE() << "no such event";
    return none;
  }

  Instant now{seconds(100)};
  SeededRandom box_random{7};
  ControlInABox box{crypto::MachinePrivateKey::generate(box_random), box_random};
  std::vector<std::unique_ptr<Node>> nodes;
  bool reachable = true;
  std::string offered_key{join_key};
  std::optional<crypto::MachinePublicKey> shown_key;  // instead of the box's own
  std::string first_bytes;                            // instead of its answer
  std::size_t piece_bytes = 100'000;
};

// ---- joining ----------------------------------------------------------------------------------------------------

TEST_F(ControlClient, joins_and_follows_the_map) {
  for (const std::size_t size : {1, 10, 100'000}) {
    piece_bytes = size;
    Node& node = join();
    EXPECT_EQ(last<Registered>(node).login_name, "tagged-devices");
    EXPECT_EQ(count<MapStreamOpened>(node), 1u);
    EXPECT_TRUE(last<WantConnection>(node).fetch_key);
    EXPECT_EQ(node.client.netmap().self()->key, node.node_key);
    EXPECT_EQ(node.client.netmap().peers().size(), nodes.size() - 1);
  }
}

TEST_F(ControlClient, registers_as_ephemeral_with_the_key_and_without_tags) {
  join();
  ASSERT_EQ(box.registers.size(), 1u);
  const RegisterRequest& request = box.registers[0];
  EXPECT_TRUE(request.ephemeral);
  EXPECT_EQ(request.version, capability_version);
  EXPECT_EQ(request.auth->auth_key, join_key);
  EXPECT_TRUE(request.hostinfo.request_tags.empty());
  EXPECT_TRUE(request.hostinfo.routable_ips.empty());
  EXPECT_TRUE(request.expiry.is_zero());
  EXPECT_EQ(request.hostinfo.hostname, "mfp");
  EXPECT_EQ(request.hostinfo.backend_log_id.size(), 64u);
}

TEST_F(ControlClient, joins_a_server_that_sends_no_early_payload) {
  box.moods.early_payload = false;
  join();
}

TEST_F(ControlClient, sees_other_nodes_come_change_and_go) {
  Node& first = join();
  Node& second = join();
  const Peer* peer = first.client.netmap().peer(second.node_key);
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->disco_key, second.disco_key);
  EXPECT_EQ(peer->login, "tagged-devices");
  EXPECT_TRUE(peer->tagged());
  const NodeId id = peer->id;

  second.client.set_home_region(4, now);
  second.client.set_endpoints({{*Endpoint::parse("198.51.100.9:41641"), EndpointType::stun}}, now);
  pass(a_moment);
  EXPECT_EQ(first.client.netmap().peer(id)->home_region, 4);
  EXPECT_EQ(first.client.netmap().peer(id)->endpoints.at(0).text(), "198.51.100.9:41641");
  EXPECT_EQ(last<NetmapChanged>(first).change.peers.changed, std::vector{id});

  second.client.log_out(now);
  pass(a_moment);
  EXPECT_EQ(first.client.netmap().peer(id), nullptr);
  EXPECT_EQ(last<NetmapChanged>(first).change.peers.removed, std::vector{id});
}

TEST_F(ControlClient, is_told_of_a_refused_join_key_and_waits_for_another) {
  offered_key = "hskey-auth-wrong";
  Node& node = add();
  pass(minutes(10));
  EXPECT_EQ(count<JoinKeyRefused>(node), 1u);
  EXPECT_EQ(last<JoinKeyRefused>(node).text, "invalid key: unable to validate API key");
  EXPECT_EQ(box.registers.size(), 1u) << "no loop";
  node.client.provide_join_key(join_key, now);
  pass(a_moment);
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlClient, takes_a_wish_for_a_browser_as_a_refusal) {
  box.moods.auth_url = "https://control.example/register/abc";
  Node& node = add();
  pass(minutes(1));
  EXPECT_EQ(count<JoinKeyRefused>(node), 1u);
  EXPECT_EQ(last<JoinKeyRefused>(node).text.find("https"), std::string::npos);
  EXPECT_EQ(box.registers.size(), 1u);
}

TEST_F(ControlClient, shows_what_the_server_says_cut_and_printable) {
  box.moods.register_error = "\x1b[31mno\n" + std::string(1000, 'x');
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(last<JoinKeyRefused>(node).text.substr(0, 8), "?[31mno?");
  EXPECT_EQ(last<JoinKeyRefused>(node).text.size(), Client::text_bytes_max);
}

TEST_F(ControlClient, tries_again_more_slowly_when_registration_fails) {
  box.moods.register_status = 503;
  Node& node = add();
  pass(minutes(5));
  EXPECT_GE(box.registers.size(), 15u);
  EXPECT_LE(box.registers.size(), 45u) << "n^2 * 10 ms, at most 30 s";
  EXPECT_EQ(last<RegistrationFailed>(node).text, "it answered 503 not today");
  box.moods.register_status = 200;
  pass(seconds(31));
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlClient, waits_as_long_as_a_429_says) {
  box.moods.register_status = 429;
  box.moods.retry_after = "60";
  add();
  pass(seconds(59));
  EXPECT_EQ(box.registers.size(), 1u);
  pass(seconds(2));
  EXPECT_EQ(box.registers.size(), 2u);
}

TEST_F(ControlClient, waits_five_to_ten_seconds_when_a_429_says_nothing_of_use) {
  box.moods.register_status = 429;
  for (const char* text : {"", "0", "-1", "3601", "Sat, 22 Aug 2026 10:00:00 GMT"}) {
    box.moods.retry_after = text;
    const std::size_t before = box.registers.size();
    add();
    pass(milliseconds(4900));
    EXPECT_EQ(box.registers.size(), before + 1) << text;
    pass(milliseconds(5200));
    EXPECT_GE(box.registers.size(), before + 2) << text;
    nodes.clear();
  }
}

TEST_F(ControlClient, gives_up_a_registration_that_is_not_answered) {
  box.moods.silent = true;
  Node& node = add();
  pass(seconds(29));
  EXPECT_EQ(count<RegistrationFailed>(node), 0u);
  pass(seconds(2));
  EXPECT_EQ(count<RegistrationFailed>(node), 1u);
}

// ---- the connection ---------------------------------------------------------------------------------------------

TEST_F(ControlClient, comes_back_more_slowly_while_there_is_no_connection) {
  reachable = false;
  Node& node = add();
  pass(minutes(5));
  EXPECT_GE(count<WantConnection>(node), 15u);
  EXPECT_LE(count<WantConnection>(node), 60u);
  reachable = true;
  pass(seconds(31));
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlClient, goes_on_with_a_new_stream_and_no_registration_after_a_server_restart) {
  Node& node = join();
  for (int restart = 1; restart <= 3; restart++) {
    box.restart();
    pass(milliseconds(200));
    EXPECT_EQ(count<ConnectionLost>(node), static_cast<std::size_t>(restart));
    EXPECT_EQ(count<MapStreamOpened>(node), static_cast<std::size_t>(restart + 1));
  }
  EXPECT_EQ(box.registers.size(), 1u);
}

TEST_F(ControlClient, forgets_peers_that_went_while_it_was_away) {
  Node& first = join();
  Node& second = join();
  const NodeId id = first.client.netmap().peer(second.node_key)->id;
  box.restart();
  box.delete_node(second.node_key);
  nodes.pop_back();
  pass(seconds(1));
  EXPECT_EQ(first.client.netmap().peer(id), nullptr);
  EXPECT_EQ(last<NetmapChanged>(first).change.peers.removed, std::vector{id});
}

TEST_F(ControlClient, says_so_when_the_server_closes_after_the_upgrade_without_a_byte) {
  box.moods.version_min = capability_version + 1;
  Node& node = add();
  pass(seconds(1));
  EXPECT_GE(count<HandshakeRefused>(node), 2u);
  EXPECT_EQ(last<HandshakeRefused>(node).text, "");
}

TEST_F(ControlClient, shows_the_words_of_an_error_frame) {
  first_bytes = std::string("\x03\x00\x07too old", 10);
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(last<HandshakeRefused>(node).text, "too old");
}

TEST_F(ControlClient, tells_a_server_that_speaks_something_else) {
  first_bytes = "HTTP/1.1 400 Bad Request\r\n\r\n";
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(count<NotAControlServer>(node), 1u);
}

TEST_F(ControlClient, refuses_a_server_whose_key_is_not_the_pinned_one) {
  SeededRandom other(99);
  Node& node = add(crypto::MachinePrivateKey::generate(other).public_key());
  pass(seconds(1));
  EXPECT_GE(count<KeyMismatch>(node), 1u);
  EXPECT_FALSE(last<WantConnection>(node).fetch_key);
  EXPECT_TRUE(box.registers.empty());
}

TEST_F(ControlClient, refuses_a_key_that_nobody_can_hold) {
  shown_key = crypto::MachinePublicKey();
  Node& node = add();
  pass(a_moment);
  EXPECT_GE(count<NotAControlServer>(node), 1u);
}

TEST_F(ControlClient, gives_up_a_handshake_without_an_answer) {
  Node& node = add();
  ASSERT_TRUE(node.client.poll_event().has_value());
  ASSERT_TRUE(node.client.connection_opened(box.public_key(), now).has_value());
  node.client.upgraded(now);
  pass(seconds(11));
  EXPECT_EQ(count<HandshakeRefused>(node), 1u);
}

TEST_F(ControlClient, notices_a_dead_connection_when_asked_to_look) {
  Node& node = join();
  node.client.check_connection(now);
  pass(seconds(6));
  EXPECT_EQ(count<ConnectionLost>(node), 0u) << "the ping was answered";
  node.connection.reset();  // the network swallows everything from here on
  node.client.check_connection(now);
  pass(seconds(4));
  EXPECT_EQ(count<ConnectionLost>(node), 0u);
  pass(seconds(2));
  EXPECT_EQ(count<ConnectionLost>(node), 1u);
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlClient, dies_of_a_forged_record_and_comes_back) {
  Node& node = join();
  Buffer forged(100);
  Writer(forged).u8(4);  // a record of 97 bytes
  forged[2] = std::byte{97};
  node.client.handle_bytes(forged, now);
  EXPECT_FALSE(node.client.connected());
  pass(seconds(1));
  EXPECT_EQ(count<ConnectionLost>(node), 1u);
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

// ---- the map stream ---------------------------------------------------------------------------------------------

TEST_F(ControlClient, stays_as_long_as_keepalives_come_and_asks_anew_120_seconds_after_the_last) {
  Node& node = join();
  for (int i = 0; i < 10; i++) {
    pass(seconds(60));
    box.send_keepalives();
  }
  settle();
  EXPECT_EQ(box.streams.size(), 1u);
  pass(seconds(119));
  EXPECT_EQ(box.streams.size(), 1u);
  pass(seconds(2));
  EXPECT_EQ(box.streams.size(), 2u);
  EXPECT_EQ(count<MapStreamLost>(node), 1u);
  EXPECT_EQ(count<ConnectionLost>(node), 0u) << "on the same connection";
}

TEST_F(ControlClient, waits_120_seconds_for_the_first_message_too) {
  box.moods.silent = true;
  Node& node = add();
  settle();
  box.moods.silent = false;
  pass(seconds(31));  // the registration is given up and asked again
  ASSERT_EQ(count<MapStreamOpened>(node), 1u);
  box.moods.silent = true;
  box.end_stream(node.node_key);
  pass(seconds(119));
  EXPECT_EQ(count<MapStreamLost>(node), 1u);
  box.moods.silent = false;
  pass(seconds(3));
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlClient, backs_off_from_streams_that_end_without_a_message_and_then_drops_the_connection) {
  Node& node = join();
  box.moods.ends_streams = true;
  box.end_stream(node.node_key);
  pass(seconds(30));
  EXPECT_GE(count<ConnectionLost>(node), 1u);
  EXPECT_LE(box.streams.size(), 30u);
  box.moods.ends_streams = false;
  pass(seconds(31));
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlClient, drops_a_stream_that_sends_nonsense_and_keeps_the_map) {
  Node& node = join();
  join();
  box.send_text(node.node_key, R"({"PeersRemoved":"all"})");
  settle();
  EXPECT_EQ(last<MapStreamLost>(node).text, "a map message: wrong type at PeersRemoved");
  EXPECT_EQ(node.client.netmap().peers().size(), 1u);
  pass(seconds(1));
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlClient, drops_a_stream_in_another_compression_than_asked_for) {
  Node& node = join();
  box.moods.compression = Compression::none;
  box.send_keepalives();
  settle();
  EXPECT_EQ(last<MapStreamLost>(node).text, "a map message was malformed");
}

TEST_F(ControlClient, ignores_features_outside_its_list_and_tells_each_once) {
  Node& node = join();
  const std::string message =
      R"({"PingRequest":{"URL":"https://control.example/x","Types":"c2n"},"DNSConfig":{"Proxied":true},"SSHPolicy":{},)"
      R"("Debug":{"Exit":1},"PopBrowserURL":"https://example.com","<made up>":1,"KeepAlive":false})";
  box.send_text(node.node_key, message);
  box.send_text(node.node_key, message);
  settle();
  std::vector<std::string> names;
  for (const ClientEvent& event : node.events) {
    if (const auto* ignored = std::get_if<FeatureIgnored>(&event)) names.push_back(ignored->name);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"PingRequest", "DNSConfig", "SSHPolicy", "Debug", "PopBrowserURL", "other"}));
  EXPECT_EQ(node.client.ignored_features(), 12u);
  EXPECT_EQ(count<MapStreamLost>(node), 0u);
}

TEST_F(ControlClient, skips_everything_but_the_time_in_a_keepalive) {
  Node& node = join();
  join();
  box.send_text(node.node_key, R"({"KeepAlive":true,"PeersRemoved":[1,2,3]})");
  settle();
  EXPECT_EQ(node.client.netmap().peers().size(), 1u);
}

// ---- lite updates -----------------------------------------------------------------------------------------------

TEST_F(ControlClient, repeats_what_the_stream_request_said_once_after_the_first_message) {
  Node& node = add();
  node.client.set_home_region(2, now);
  node.client.set_endpoints({{*Endpoint::parse("198.51.100.9:41641"), EndpointType::stun}}, now);
  NetInfo net_info;
  net_info.working_udp = true;
  net_info.preferred_derp = 77;
  node.client.set_net_info(net_info, now);
  pass(seconds(30));
  ASSERT_EQ(box.streams.size(), 1u);
  ASSERT_EQ(box.lite_updates.size(), 1u);
  const MapRequest& stream = box.streams[0];
  const MapRequest& lite = box.lite_updates[0];
  EXPECT_TRUE(stream.stream && !stream.omit_peers && stream.keep_alive);
  EXPECT_EQ(stream.compress, "zstd");
  EXPECT_TRUE(!lite.stream && lite.omit_peers);
  EXPECT_EQ(stream.hostinfo->net_info->preferred_derp, 2);
  EXPECT_EQ(stream.endpoint_types, std::vector{2});
  EXPECT_EQ(stream.disco_key, node.disco_key);
  EXPECT_EQ(lite.hostinfo, stream.hostinfo);
  EXPECT_EQ(lite.endpoints, stream.endpoints);
  EXPECT_EQ(lite.disco_key, stream.disco_key);
}

TEST_F(ControlClient, says_a_change_and_then_repeats_it_once_when_it_came_before_the_repetition) {
  Node& node = add();
  box.moods.lite_status = 500;
  pass(milliseconds(5));
  node.client.set_home_region(3, now);
  box.moods.lite_status = 200;
  box.lite_updates.clear();
  pass(seconds(40));
  ASSERT_EQ(box.lite_updates.size(), 2u);
  for (const MapRequest& lite : box.lite_updates) EXPECT_EQ(lite.hostinfo->net_info->preferred_derp, 3);
  node.client.set_home_region(4, now);
  pass(seconds(40));
  EXPECT_EQ(box.lite_updates.size(), 3u) << "later changes are said once";
  node.client.set_home_region(4, now);
  pass(seconds(40));
  EXPECT_EQ(box.lite_updates.size(), 3u) << "what is no change is not said";
}

TEST_F(ControlClient, joins_changes_that_come_together_into_one_update) {
  Node& node = join();
  box.lite_updates.clear();
  for (int region = 1; region <= 50; region++) node.client.set_home_region(region, now);
  pass(seconds(1));
  EXPECT_LE(box.lite_updates.size(), 2u);
  EXPECT_EQ(box.lite_updates.back().hostinfo->net_info->preferred_derp, 50);
}

TEST_F(ControlClient, tries_a_failed_update_again_more_slowly) {
  Node& node = join();
  box.moods.lite_status = 500;
  box.lite_updates.clear();
  node.client.set_home_region(9, now);
  pass(seconds(30));
  EXPECT_GE(box.lite_updates.size(), 5u);
  EXPECT_LE(box.lite_updates.size(), 30u);
  EXPECT_EQ(count<MapStreamLost>(node), 0u) << "the stream goes on";
}

TEST_F(ControlClient, publishes_no_more_endpoints_than_its_maximum) {
  Node& node = add();
  node.client.set_endpoints(std::vector<PublishedEndpoint>(1000), now);
  pass(a_moment);
  EXPECT_EQ(box.streams.at(0).endpoints.size(), endpoints_max);
}

// ---- being forgotten --------------------------------------------------------------------------------------------

TEST_F(ControlClient, notices_within_minutes_that_it_was_deleted_and_registers_again) {
  Node& node = join();
  box.delete_node(node.node_key);
  for (int i = 0; i < 4; i++) {
    pass(seconds(50));
    box.send_keepalives();  // a deleted node's stream stays open and lively
  }
  EXPECT_EQ(count<Forgotten>(node), 1u);
  EXPECT_EQ(count<WantJoinKey>(node), 2u);
  EXPECT_EQ(count<Registered>(node), 2u);
  EXPECT_EQ(box.registers.at(1).node_key, node.node_key);
  EXPECT_TRUE(box.streams_to(node.node_key));
}

TEST_F(ControlClient, registers_again_when_the_stream_finds_it_unknown) {
  Node& node = join();
  box.delete_node(node.node_key);
  box.restart();
  pass(seconds(1));
  EXPECT_EQ(count<Forgotten>(node), 1u);
  EXPECT_EQ(count<Registered>(node), 2u);
}

TEST_F(ControlClient, takes_one_404_for_an_accident) {
  Node& node = join();
  box.moods.lite_status = 404;
  box.lite_updates.clear();
  node.client.set_home_region(3, now);
  settle();
  ASSERT_EQ(box.lite_updates.size(), 1u);
  box.moods.lite_status = 200;
  pass(seconds(10));
  EXPECT_EQ(count<Forgotten>(node), 0u);
}

TEST_F(ControlClient, takes_an_expired_key_of_its_own_for_being_forgotten) {
  Node& node = join();
  auto self = *box.node(node.node_key);
  self.expired = true;
  MapResponse tombstone;
  tombstone.node = self;
  box.send(node.node_key, tombstone);
  offered_key.clear();
  pass(seconds(1));
  EXPECT_EQ(count<Forgotten>(node), 1u);
  EXPECT_EQ(count<WantJoinKey>(node), 2u);
  EXPECT_EQ(box.registers.size(), 1u) << "no key was given";
}

// ---- logging out ------------------------------------------------------------------------------------------------

TEST_F(ControlClient, logs_out_and_is_told) {
  Node& node = join();
  node.client.log_out(now);
  pass(a_moment);
  EXPECT_TRUE(last<LoggedOut>(node).told);
  EXPECT_FALSE(box.knows(node.node_key));
  EXPECT_LT(box.registers.back().expiry.unix_seconds, 1'000'000);
  EXPECT_FALSE(box.registers.back().auth.has_value());
  EXPECT_FALSE(node.client.poll_timeout().has_value());
  const std::size_t events = node.events.size();
  pass(hours(1));
  EXPECT_EQ(node.events.size(), events) << "nothing comes after it";
}

TEST_F(ControlClient, logs_out_at_once_when_the_server_never_heard_of_it) {
  reachable = false;
  Node& node = add();
  pass(seconds(1));
  node.client.log_out(now);
  pass(a_moment);
  EXPECT_TRUE(last<LoggedOut>(node).told);
}

TEST_F(ControlClient, says_when_nobody_could_be_told) {
  Node& node = join();
  reachable = false;
  box.restart();
  settle();
  node.client.log_out(now);
  settle();
  EXPECT_FALSE(last<LoggedOut>(node).told);
}

TEST_F(ControlClient, waits_no_longer_than_its_limit_for_the_answer_to_a_logout) {
  Node& node = join();
  box.moods.silent = true;
  node.client.log_out(now);
  pass(seconds(4));
  EXPECT_EQ(count<LoggedOut>(node), 0u);
  pass(seconds(2));
  EXPECT_FALSE(last<LoggedOut>(node).told);
}

TEST_F(ControlClient, logs_out_after_a_registration_that_is_on_its_way) {
  Node& node = add();
  offered_key.clear();
  settle();
  node.client.provide_join_key(join_key, now);
  node.client.log_out(now);
  pass(a_moment);
  EXPECT_TRUE(last<LoggedOut>(node).told);
  EXPECT_FALSE(box.knows(node.node_key));
  EXPECT_EQ(box.registers.size(), 2u);
  EXPECT_TRUE(box.streams.empty());
}

TEST_F(ControlClient, says_so_when_the_connection_dies_during_a_logout) {
  Node& node = join();
  node.client.log_out(now);
  node.client.connection_closed(now);
  settle();
  EXPECT_FALSE(last<LoggedOut>(node).told);
}

// ---- the join key -----------------------------------------------------------------------------------------------

TEST_F(ControlClient, asks_for_the_key_again_when_the_connection_dies_before_it_was_used) {
  offered_key.clear();
  Node& node = add();
  pass(a_moment);
  EXPECT_EQ(count<WantJoinKey>(node), 1u);
  box.restart();
  pass(seconds(1));
  EXPECT_EQ(count<WantJoinKey>(node), 2u);
  node.client.provide_join_key(join_key, now);
  pass(a_moment);
  EXPECT_EQ(count<Registered>(node), 1u);
}

TEST_F(ControlClient, takes_no_key_that_was_not_asked_for_and_none_that_is_no_key) {
  Node& node = join();
  node.client.provide_join_key(join_key, now);
  pass(seconds(1));
  EXPECT_EQ(box.registers.size(), 1u);
  offered_key = std::string(Client::join_key_bytes_max + 1, 'k');
  Node& other = add();
  pass(seconds(1));
  EXPECT_EQ(count<JoinKeyRefused>(other), 1u);
  EXPECT_EQ(box.registers.size(), 1u);
}

}  // namespace
}  // namespace quoin::control
