// The client against the relay's side of the same codec.
#include "derp/client.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "derp/accept.h"

namespace quoin::derp {
namespace {

const crypto::NodePublicKey peer({std::byte{0x42}});

struct Pair {
  SeededRandom random{7};
  Instant now;
  crypto::NodePrivateKey client_key = crypto::NodePrivateKey::generate(random);
  RelayPrivateKey relay_key = RelayPrivateKey::generate(random);
  Client client{client_key.copy(), random, now};
  Accept relay{relay_key, random, now};
  ServerInfo info;
  std::vector<ClientEvent> at_client;
  std::vector<AcceptEvent> at_relay;
  std::vector<std::string> packets_at_client;
  std::vector<std::string> packets_at_relay;

  void poll_client() {
    while (auto event = client.poll_event()) {
      if (const auto* received = std::get_if<Received>(&*event)) {
        packets_at_client.emplace_back(text_of(received->packet));
      }
      at_client.push_back(*event);
    }
  }
  void poll_relay() {
    while (auto event = relay.poll_event()) {
      if (std::holds_alternative<LoginAsked>(*event)) relay.admit(info);
      if (const auto* sent = std::get_if<Sent>(&*event)) packets_at_relay.emplace_back(text_of(sent->packet));
      at_relay.push_back(*event);
    }
  }
  // Carries bytes both ways, in pieces, until nothing moves.
  void run(std::size_t piece = 1 << 20) {
    for (bool moved = true; moved;) {
      moved = false;
      for (Bytes out = relay.output(); !out.empty(); out = relay.output()) {
        const std::size_t part = std::min(piece, out.size());
        const Bytes rest = client.handle_bytes(out.first(part), now);
        relay.sent(part - rest.size());
        poll_client();
        moved = true;
      }
      for (Bytes out = client.output(); !out.empty(); out = client.output()) {
        const std::size_t part = std::min(piece, out.size());
        const Bytes rest = relay.handle_bytes(out.first(part));
        client.sent(part - rest.size());
        poll_relay();
        moved = true;
      }
    }
  }
  // Bytes that the relay's codec would not make.
  void inject(Bytes bytes) {
    while (!bytes.empty()) {
      bytes = client.handle_bytes(bytes, now);
      poll_client();
    }
  }
  std::optional<ClientError> failure() const {
    for (const auto& event : at_client) {
      if (const auto* failed = std::get_if<Failed>(&event)) return failed->why;
    }
    return std::nullopt;
  }
  std::optional<AcceptError> relay_ended() const {
    for (const auto& event : at_relay) {
      if (const auto* ended = std::get_if<Ended>(&event)) return ended->why;
    }
    return std::nullopt;
  }
  template <class Event>
  int count() const {
    return static_cast<int>(std::ranges::count_if(
        at_client, [](const ClientEvent& event) { return std::holds_alternative<Event>(event); }));
  }
};

TEST(DerpClient, logs_in_however_the_bytes_are_cut) {
  for (const std::size_t piece : {1u, 3u, 64u, 100'000u}) {
    Pair pair;
    pair.run(piece);
    EXPECT_TRUE(pair.client.is_logged_in());
    ASSERT_EQ(pair.at_client.size(), 1u);
    EXPECT_EQ(std::get<LoggedIn>(pair.at_client[0]).relay, pair.relay_key.public_key());
    ASSERT_FALSE(pair.at_relay.empty());
    EXPECT_EQ(std::get<LoginAsked>(pair.at_relay[0]).client, pair.client_key.public_key());
    EXPECT_TRUE(std::get<LoginAsked>(pair.at_relay[0]).info.can_ack_pings);
  }
}

TEST(DerpClient, says_nothing_before_the_relay_has_said_who_it_is) {
  Pair pair;
  pair.client.send_packet(peer, bytes_of("early"), pair.now);
  EXPECT_TRUE(pair.client.output().empty());
}

TEST(DerpClient, packets_queued_before_the_login_arrive_after_it) {
  Pair pair;
  pair.client.send_packet(peer, bytes_of("early"), pair.now);
  pair.client.note_preferred(true);
  pair.run(5);
  EXPECT_EQ(pair.packets_at_relay, std::vector<std::string>{"early"});
  EXPECT_TRUE(std::ranges::any_of(pair.at_relay, [](const AcceptEvent& event) {
    const auto* preferred = std::get_if<Preferred>(&event);
    return preferred != nullptr && preferred->is_home;
  }));
}

TEST(DerpClient, carries_packets_both_ways) {
  Pair pair;
  pair.run();
  pair.client.send_packet(peer, bytes_of("up"), pair.now);
  pair.relay.send_packet(peer, bytes_of("down"));
  pair.run(11);
  EXPECT_EQ(pair.packets_at_relay, std::vector<std::string>{"up"});
  EXPECT_EQ(pair.packets_at_client, std::vector<std::string>{"down"});
}

TEST(DerpClient, cuts_a_run_of_equal_segments_into_frames) {
  Pair pair;
  pair.run();
  pair.client.send_packets(peer, bytes_of("aaaabbbbccccdd"), 4, pair.now);
  pair.run();
  EXPECT_EQ(pair.packets_at_relay, (std::vector<std::string>{"aaaa", "bbbb", "cccc", "dd"}));
}

TEST(DerpClient, gives_packets_in_the_receive_buffer_where_they_may_be_changed) {
  Pair pair;
  pair.run();
  Buffer stream;
  append_frame(stream, FrameType::recv_packet, {peer.bytes(), bytes_of("sealed")});
  const MutableBytes space = pair.client.receive_space();
  std::ranges::copy(stream, space.begin());
  pair.client.handle_received(stream.size(), pair.now);
  const auto event = pair.client.poll_event();
  const auto& received = std::get<Received>(*event);
  EXPECT_EQ(received.source, peer);
  EXPECT_EQ(received.packet.data(), space.data() + frame_header_bytes + 32);
  received.packet[0] = std::byte{'S'};
  EXPECT_EQ(text_of(received.packet), "Sealed");
}

TEST(DerpClient, a_slow_socket_costs_the_oldest_packets_and_no_memory) {
  Pair pair;
  pair.run();
  for (int i = 0; i < 20'000; i++) pair.client.send_packet(peer, Buffer(1280), pair.now);
  EXPECT_GT(pair.client.packets_dropped(), 19'000u);
  std::size_t waiting = 0;
  while (!pair.client.output().empty()) {
    waiting += pair.client.output().size();
    pair.client.sent(pair.client.output().size());
  }
  EXPECT_LE(waiting, 2 * SendQueue::waiting_bytes_max);
}

TEST(DerpClient, limits_itself_to_what_the_relay_allows) {
  Pair pair;
  pair.info = {.version = 2, .bytes_per_second = 1037, .bytes_burst = 3 * 1037};
  pair.run();
  for (int i = 0; i < 10; i++) pair.client.send_packet(peer, Buffer(1000), pair.now);
  pair.run();
  EXPECT_EQ(pair.packets_at_relay.size(), 3u);
  EXPECT_EQ(pair.client.packets_dropped(), 7u);
  pair.now += seconds(1);
  for (int i = 0; i < 10; i++) pair.client.send_packet(peer, Buffer(1000), pair.now);
  pair.run();
  EXPECT_EQ(pair.packets_at_relay.size(), 4u);
}

TEST(DerpClient, answers_a_ping_with_its_bytes_and_keeps_one_answer_at_most) {
  Pair pair;
  pair.run();
  Buffer pings;
  append_frame(pings, FrameType::ping, {bytes_of("firstone")});
  for (int i = 0; i < 1000; i++) append_frame(pings, FrameType::ping, {bytes_of("otherone")});
  pair.inject(pings);
  Buffer expected;
  append_frame(expected, FrameType::pong, {bytes_of("firstone")});
  EXPECT_TRUE(equal(pair.client.output(), expected));
  pair.client.sent(pair.client.output().size());
  EXPECT_TRUE(pair.client.output().empty());
}

TEST(DerpClient, of_several_preferences_the_last_counts) {
  Pair pair;
  pair.run();
  for (int i = 0; i < 1001; i++) pair.client.note_preferred(i % 2 == 0);
  Buffer expected;
  append_note_preferred(expected, true);
  EXPECT_TRUE(equal(pair.client.output(), expected));
}

TEST(DerpClient, passes_on_what_the_relay_says) {
  Pair pair;
  pair.run();
  pair.relay.send_peer_gone(peer, PeerGoneReason::not_here);
  pair.relay.send_health("duplicate key");
  pair.relay.send_restarting({.reconnect_in = seconds(1), .try_for = seconds(30)});
  pair.run(9);
  ASSERT_EQ(pair.at_client.size(), 4u);
  EXPECT_EQ(std::get<PeerGone>(pair.at_client[1]).peer, peer);
  EXPECT_EQ(std::get<HealthChanged>(pair.at_client[2]).text, "duplicate key");
  EXPECT_EQ(std::get<Restarting>(pair.at_client[3]).try_for, seconds(30));
}

TEST(DerpClient, keeps_only_the_beginning_of_long_words) {
  Pair pair;
  pair.run();
  Buffer stream;
  append_frame(stream, FrameType::health, {Buffer(health_bytes_max, std::byte{'x'})});
  pair.inject(stream);
  EXPECT_EQ(std::get<HealthChanged>(pair.at_client.back()).text.size(), health_text_bytes_max);
}

TEST(DerpClient, gives_up_a_relay_that_does_not_log_it_in_within_ten_seconds) {
  Pair pair;
  EXPECT_EQ(pair.client.poll_timeout(), pair.now + seconds(10));
  pair.client.handle_timeout(pair.now + seconds(10) - nanoseconds(1));
  EXPECT_FALSE(pair.client.poll_event());
  pair.client.handle_timeout(pair.now + seconds(10));
  pair.poll_client();
  EXPECT_EQ(pair.failure(), ClientError::silent);
  EXPECT_FALSE(pair.client.poll_timeout());
}

TEST(DerpClient, the_time_for_the_login_counts_from_the_opening_of_the_stream) {
  Pair pair;
  pair.client.stream_opened(pair.now + seconds(9));
  EXPECT_EQ(pair.client.poll_timeout(), pair.now + seconds(19));
  pair.run();
  pair.client.stream_opened(pair.now + seconds(9));
  EXPECT_EQ(pair.client.poll_timeout(), pair.now + seconds(120));
}

TEST(DerpClient, gives_up_a_relay_that_is_silent_for_two_minutes) {
  Pair pair;
  pair.run();
  pair.now += seconds(119);
  pair.relay.send_keep_alive();
  pair.run();
  EXPECT_EQ(pair.client.poll_timeout(), pair.now + seconds(120));
  pair.client.handle_timeout(pair.now + seconds(119));
  pair.poll_client();
  EXPECT_FALSE(pair.failure());
  pair.client.handle_timeout(pair.now + seconds(120));
  pair.poll_client();
  EXPECT_EQ(pair.failure(), ClientError::silent);
}

TEST(DerpClient, a_ping_of_its_own_fails_without_answer_and_passes_with_it) {
  Pair pair;
  pair.run();
  pair.client.ping(pair.now);
  EXPECT_EQ(pair.client.poll_timeout(), pair.now + seconds(3));
  pair.run();
  EXPECT_EQ(pair.client.poll_timeout(), pair.now + seconds(120));

  pair.client.ping(pair.now);
  pair.client.handle_timeout(pair.now + seconds(3));
  pair.poll_client();
  EXPECT_EQ(pair.failure(), ClientError::silent);
}

TEST(DerpClient, what_is_no_relay_is_told_apart) {
  Pair http;
  Buffer page = to_buffer(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
  http.inject(page);
  EXPECT_EQ(http.failure(), ClientError::frame);

  Pair other;
  Buffer keep_alive;
  append_frame(keep_alive, FrameType::keep_alive, {});
  other.inject(keep_alive);
  EXPECT_EQ(other.failure(), ClientError::not_a_relay);

  Pair low_order;
  Buffer zero_key;
  append_server_key(zero_key, RelayPublicKey());
  low_order.inject(zero_key);
  EXPECT_EQ(low_order.failure(), ClientError::not_a_relay);
}

TEST(DerpClient, an_answer_sealed_by_another_key_is_no_login) {
  Pair pair;
  Buffer stream;
  append_server_key(stream, pair.relay_key.public_key());
  const auto impostor = RelayPrivateKey::generate(pair.random);
  const auto box = seal_server_info(ServerInfo{}, impostor, pair.client_key.public_key(), pair.random);
  append_frame(stream, FrameType::server_info, {*box});
  pair.inject(stream);
  EXPECT_EQ(pair.failure(), ClientError::login_refused);
  EXPECT_TRUE(pair.client.output().empty());
}

TEST(DerpClient, an_oversized_frame_ends_the_connection_and_a_failure_is_told_once) {
  Pair pair;
  pair.run();
  Buffer header(frame_header_bytes);
  Writer writer(header);
  writer.u8(0x05);
  writer.u32(0xffffffff);
  pair.inject(header);
  EXPECT_EQ(pair.failure(), ClientError::frame);
  EXPECT_EQ(pair.count<Failed>(), 1);
  EXPECT_FALSE(pair.client.poll_event());
  EXPECT_FALSE(pair.client.is_logged_in());
}

TEST(DerpClient, frames_of_no_concern_to_a_client_pass_unnoticed) {
  Pair pair;
  pair.run();
  Buffer stream;
  append_server_key(stream, pair.relay_key.public_key());
  append_frame(stream, FrameType::peer_present, {peer.bytes(), Buffer(18)});
  append_frame(stream, FrameType::send_packet, {peer.bytes(), bytes_of("x")});
  stream.insert(stream.end(), {std::byte{0x66}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}, std::byte{9}});
  pair.inject(stream);
  EXPECT_EQ(pair.at_client.size(), 1u);
  EXPECT_TRUE(pair.client.is_logged_in());
}

TEST(DerpAccept, refuses_packets_before_a_login_and_frames_of_a_mesh_after_it) {
  Pair early;
  Buffer packet;
  append_frame(packet, FrameType::send_packet, {peer.bytes(), bytes_of("x")});
  EXPECT_TRUE(early.relay.handle_bytes(packet).empty());
  early.poll_relay();
  EXPECT_EQ(early.relay_ended(), AcceptError::login);

  for (const FrameType type : {FrameType::watch_connections, FrameType::close_peer, FrameType::forward_packet}) {
    Pair pair;
    pair.run();
    Buffer stream;
    const std::size_t keys = type == FrameType::close_peer ? 1 : type == FrameType::forward_packet ? 2 : 0;
    append_frame(stream, type, {Buffer(32 * keys)});
    EXPECT_TRUE(pair.relay.handle_bytes(stream).empty());
    pair.poll_relay();
    EXPECT_EQ(pair.relay_ended(), AcceptError::not_permitted);
  }
}

TEST(DerpAccept, refuses_a_login_for_another_relay) {
  Pair pair;
  const auto other = RelayPrivateKey::generate(pair.random);
  const auto login = seal_client_info(ClientInfo{}, pair.client_key, other.public_key(), pair.random);
  Buffer stream;
  append_frame(stream, FrameType::client_info, {*login});
  EXPECT_TRUE(pair.relay.handle_bytes(stream).empty());
  pair.poll_relay();
  EXPECT_EQ(pair.relay_ended(), AcceptError::login);
}

TEST(DerpAccept, waits_ten_seconds_for_a_login) {
  Pair pair;
  EXPECT_EQ(pair.relay.poll_timeout(), pair.now + seconds(10));
  pair.relay.handle_timeout(pair.now + seconds(10));
  pair.poll_relay();
  EXPECT_EQ(pair.relay_ended(), AcceptError::late);
}

TEST(DerpAccept, ends_a_client_that_does_not_read) {
  Pair pair;
  pair.run();
  for (int i = 0; i < 10'000; i++) pair.relay.send_peer_gone(peer, PeerGoneReason::disconnected);
  pair.poll_relay();
  EXPECT_EQ(pair.relay_ended(), AcceptError::not_reading);
}

TEST(DerpAccept, sends_nothing_of_others_before_admission) {
  Pair pair;
  pair.relay.send_packet(peer, bytes_of("x"));
  Buffer expected;
  append_server_key(expected, pair.relay_key.public_key());
  EXPECT_TRUE(equal(pair.relay.output(), expected));
}

}  // namespace
}  // namespace quoin::derp
