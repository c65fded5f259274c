// What must not happen, whatever arrives.

#include <algorithm>

#include <gtest/gtest.h>

#include "wireguard/two_nodes.h"

namespace quoin::wireguard {
namespace {

class HostileTest : public ::testing::Test {
 protected:
  // One message of each kind, taken from a's and b's wire before it was delivered.
  Buffer next_on_wire() {
    Buffer datagram = nodes.wire.front().datagram;
    nodes.wire.pop_front();
    return datagram;
  }
  Buffer data_from(TestNode& node) {
    nodes.send(node, 1);
    return next_on_wire();
  }
  std::uint64_t dropped(const TestNode& node, DropReason reason) const { return node.interface->drops()[reason]; }

  TwoNodes nodes;
};

TEST_F(HostileTest, a_replayed_initiation_is_not_answered) {
  nodes.send(nodes.a, 1);
  const Buffer initiation = nodes.wire.front().datagram;
  nodes.settle();
  const std::size_t answers = nodes.sent(MessageType::response);
  for (int i = 0; i < 10; i++) {
    nodes.freeze(seconds(1));
    Buffer copy = initiation;
    nodes.arrive(nodes.b, nodes.a.source, copy);
  }
  EXPECT_EQ(nodes.sent(MessageType::response), answers);
  EXPECT_EQ(dropped(nodes.b, DropReason::old_timestamp), 10U);
  EXPECT_EQ(nodes.send(nodes.b, 1), Sealed::ready) << "the session goes on";
}

TEST_F(HostileTest, a_replayed_response_changes_nothing) {
  nodes.send(nodes.a, 1);
  nodes.deliver({&nodes.b, nodes.a.source, next_on_wire()});
  Buffer response = nodes.wire.front().datagram;
  nodes.settle();
  nodes.arrive(nodes.a, nodes.b.source, response);
  EXPECT_EQ(dropped(nodes.a, DropReason::unexpected_response), 1U);
  nodes.send(nodes.a, 2);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 2U);
}

TEST_F(HostileTest, replayed_data_is_delivered_once) {
  nodes.establish(nodes.a);
  const Buffer data = data_from(nodes.a);
  for (int i = 0; i < 5; i++) {
    Buffer copy = data;
    nodes.arrive(nodes.b, nodes.a.source, copy);
  }
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(dropped(nodes.b, DropReason::replayed), 4U);
}

TEST_F(HostileTest, a_counter_that_was_seen_is_dropped_before_it_costs_anything) {
  nodes.establish(nodes.a);
  Buffer data = data_from(nodes.a);
  Buffer copy = data;
  nodes.arrive(nodes.b, nodes.a.source, copy);
  data.back() ^= std::byte{1};  // would not open, but nobody tries
  nodes.arrive(nodes.b, nodes.a.source, data);
  EXPECT_EQ(dropped(nodes.b, DropReason::replayed), 1U);
  EXPECT_EQ(dropped(nodes.b, DropReason::not_authentic), 0U);
}

TEST_F(HostileTest, data_reordered_by_a_whole_window_is_delivered_exactly_once) {
  nodes.establish(nodes.a);
  constexpr std::size_t count = 8000;
  for (std::size_t i = 0; i < count; i++) nodes.send(nodes.a, 1, 20);
  std::ranges::reverse(nodes.wire);
  const auto copy = nodes.wire;
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), count);
  nodes.wire = copy;
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), count);
  EXPECT_EQ(dropped(nodes.b, DropReason::replayed), count);
}

TEST_F(HostileTest, truncated_and_extended_messages_are_dropped_at_every_length) {
  nodes.send(nodes.a, 1);
  const Buffer initiation = nodes.wire.front().datagram;
  nodes.deliver({&nodes.b, nodes.a.source, next_on_wire()});
  const Buffer response = nodes.wire.front().datagram;
  nodes.settle();
  const Buffer data = data_from(nodes.a);
  TwoNodes fresh;  // has seen none of these
  for (const Buffer& message : {initiation, response, data}) {
    for (std::size_t length = 0; length <= message.size() + 20; length++) {
      if (length == message.size()) continue;
      Buffer cut = message;
      cut.resize(length);
      nodes.arrive(nodes.a, nodes.b.source, cut);
      cut = message;
      cut.resize(length);
      nodes.arrive(nodes.b, nodes.a.source, cut);
      cut = message;
      cut.resize(length);
      fresh.arrive(fresh.b, nodes.a.source, cut);
    }
  }
  EXPECT_EQ(nodes.b.delivered.size(), 1U) << "only what was sent";
  EXPECT_TRUE(fresh.b.delivered.empty());
  EXPECT_TRUE(fresh.sent_log.empty()) << "nothing was answered";
  EXPECT_TRUE(fresh.b.events.empty());
}

TEST_F(HostileTest, no_flipped_bit_of_data_is_delivered) {
  nodes.establish(nodes.a);
  const Buffer data = data_from(nodes.a);
  for (std::size_t bit = 0; bit < data.size() * 8; bit++) {
    Buffer bad = data;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    nodes.arrive(nodes.b, nodes.a.source, bad);
  }
  EXPECT_TRUE(nodes.b.delivered.empty());
  Buffer good = data;
  nodes.arrive(nodes.b, nodes.a.source, good);
  EXPECT_EQ(nodes.b.delivered.size(), 1U) << "and none of them spoiled the true one";
}

TEST_F(HostileTest, no_flipped_bit_of_an_initiation_is_answered) {
  nodes.send(nodes.a, 1);
  const Buffer initiation = next_on_wire();
  for (std::size_t bit = 0; bit < (initiation_bytes - mac_bytes) * 8; bit++) {
    Buffer bad = initiation;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    nodes.arrive(nodes.b, nodes.a.source, bad);
  }
  EXPECT_EQ(nodes.sent(MessageType::response), 0U);
  EXPECT_EQ(nodes.sent(MessageType::cookie_reply), 0U) << "mac1 is looked at before anything that costs";
  EXPECT_GT(dropped(nodes.b, DropReason::wrong_mac1), 100U);
}

TEST_F(HostileTest, an_initiation_for_another_key_is_dropped_by_its_mac1) {
  SeededRandom random(1);
  Interface lost(key_of(0x77), random, nodes.now, WallTime{seconds(1)});
  nodes.send(nodes.a, 1);
  Buffer initiation = next_on_wire();
  std::vector<OpenedPacket> opened;
  lost.handle_burst(nodes.a.source, initiation, 0, opened, nodes.now);
  EXPECT_EQ(lost.drops()[DropReason::wrong_mac1], 1U);
  EXPECT_FALSE(lost.poll_transmit());
}

TEST_F(HostileTest, rubbish_with_a_valid_mac1_is_not_answered) {
  Buffer message(initiation_bytes);
  SeededRandom random(1);
  random.fill(MutableBytes(message).subspan(4));
  message[0] = std::byte{1};
  std::fill(message.end() - 32, message.end(), std::byte{0});
  CookieHolder(nodes.b.interface->public_key()).add_macs(message, nodes.now);
  nodes.arrive(nodes.b, nodes.a.source, message);
  EXPECT_EQ(dropped(nodes.b, DropReason::handshake_not_authentic), 1U);
  EXPECT_TRUE(nodes.sent_log.empty());
}

TEST_F(HostileTest, an_ephemeral_key_of_low_order_is_refused) {
  Buffer message(initiation_bytes);
  message[0] = std::byte{1};
  CookieHolder(nodes.b.interface->public_key()).add_macs(message, nodes.now);
  nodes.arrive(nodes.b, nodes.a.source, message);
  EXPECT_EQ(dropped(nodes.b, DropReason::low_order_key), 1U);

  nodes.send(nodes.a, 1);
  nodes.deliver({&nodes.b, nodes.a.source, next_on_wire()});
  Buffer response = next_on_wire();
  std::fill(response.begin() + 12, response.begin() + 44, std::byte{0});
  CookieHolder(nodes.a.interface->public_key()).add_macs(response, nodes.now);
  nodes.arrive(nodes.a, nodes.b.source, response);
  EXPECT_EQ(dropped(nodes.a, DropReason::low_order_key), 1U);
  EXPECT_TRUE(nodes.a.events.empty());
}

TEST_F(HostileTest, an_impostor_can_neither_be_held_nor_answered_under_anothers_name) {
  // Knows a's public key, but not its private key.
  nodes.b.restart(nodes.now);
  LocalIdentity impostor(key_of(0x99));
  const auto to_b = RemoteIdentity::make(impostor, nodes.b.interface->public_key());
  impostor.public_key = nodes.a.interface->public_key();
  SeededRandom random(1);
  const Tai64n future = Tai64nClock(nodes.now, WallTime{hours(1'000'000)}).at(nodes.now);
  const auto forge = [&] {
    auto created =
        create_initiation(impostor, *to_b, SessionIndex{1}, future, crypto::EphemeralPrivateKey::generate(random));
    Buffer message = to_buffer(created->message);
    CookieHolder(nodes.b.interface->public_key()).add_macs(message, nodes.now);
    return message;
  };
  Buffer forged = forge();
  nodes.arrive(nodes.b, nodes.a.source, forged);
  EXPECT_TRUE(nodes.b.events.empty());
  nodes.introduce(nodes.b, nodes.a);
  forged = forge();
  nodes.arrive(nodes.b, nodes.a.source, forged);
  EXPECT_EQ(dropped(nodes.b, DropReason::handshake_not_authentic), 2U);
  EXPECT_EQ(nodes.sent(MessageType::response), 0U);
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U) << "its timestamp from the future shut nobody out";
}

TEST_F(HostileTest, a_peer_cannot_use_the_index_of_another) {
  // c is a peer of b too. It seals with its own keys and names a's session.
  nodes.establish(nodes.a);
  const Buffer from_a = data_from(nodes.a);
  SeededRandom random(8);
  Interface c(key_of(0x55), random, nodes.now, WallTime{seconds(1)});
  const PeerId c_to_b = c.add_peer(nodes.b.interface->public_key(), {}, nodes.now).value();
  const IpAddress inner_c = IpAddress::v4(0x64400003);
  ASSERT_TRUE(nodes.b.interface->add_peer(c.public_key(), {Prefix::host(inner_c)}, nodes.now));
  std::vector<OpenedPacket> opened;
  c.start_handshake(c_to_b, nodes.now);
  Buffer initiation = c.poll_transmit()->datagram;
  nodes.b.interface->handle_burst(nodes.a.source, initiation, 0, opened, nodes.now);
  Buffer response = nodes.b.interface->poll_transmit()->datagram;
  c.handle_burst(nodes.b.source, response, 0, opened, nodes.now);
  Buffer keepalive = c.poll_transmit()->datagram;
  nodes.b.interface->handle_burst(nodes.a.source, keepalive, 0, opened, nodes.now);

  const auto seal_as_c = [&](const IpAddress& source) {
    nodes.batch.clear();
    std::ranges::copy(ipv4_packet(source, nodes.b.inner, 60), nodes.batch.append(60).begin());
    EXPECT_EQ(c.seal(c_to_b, nodes.batch, 0, 1, nodes.now), Sealed::ready);
    return to_buffer(nodes.batch.segments(0, 1));
  };
  Buffer own = seal_as_c(inner_c);
  nodes.arrive(nodes.b, nodes.a.source, own);
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  Buffer foreign = seal_as_c(inner_c);
  std::copy_n(from_a.begin() + 4, 4, foreign.begin() + 4);
  nodes.arrive(nodes.b, nodes.a.source, foreign);
  EXPECT_EQ(dropped(nodes.b, DropReason::not_authentic), 1U);
  Buffer spoofed = seal_as_c(nodes.a.inner);
  nodes.arrive(nodes.b, nodes.a.source, spoofed);
  EXPECT_EQ(dropped(nodes.b, DropReason::source_not_allowed), 1U);
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST_F(HostileTest, initiations_of_one_peer_are_20_milliseconds_apart) {
  // A peer that ignores its own limits: a new initiation with a newer timestamp every 5 ms.
  const LocalIdentity a(key_of(nodes.a.key));
  const auto to_b = RemoteIdentity::make(a, nodes.b.interface->public_key());
  const Tai64nClock clock(nodes.now, WallTime{seconds(1'800'000'000)});
  Tai64n timestamp{};
  SeededRandom random(2);
  CookieHolder macs(nodes.b.interface->public_key());
  for (int i = 0; i < 40; i++) {
    timestamp = clock.after(timestamp, nodes.now);
    auto created = create_initiation(a, *to_b, SessionIndex{static_cast<std::uint32_t>(i)}, timestamp,
                                     crypto::EphemeralPrivateKey::generate(random));
    Buffer message = to_buffer(created->message);
    macs.add_macs(message, nodes.now);
    nodes.arrive(nodes.b, nodes.a.source, message);
    nodes.freeze(milliseconds(5));
  }
  EXPECT_EQ(nodes.sent(MessageType::response), 10U);
  EXPECT_EQ(dropped(nodes.b, DropReason::initiation_flood), 30U);
}

TEST_F(HostileTest, unsolicited_cookies_and_responses_are_dropped) {
  SeededRandom random(3);
  for (const std::size_t length : {cookie_reply_bytes, response_bytes}) {
    Buffer message(length);
    random.fill(message);
    std::fill_n(message.begin(), 4, std::byte{0});
    message[0] = static_cast<std::byte>(length == response_bytes ? 2 : 3);
    nodes.arrive(nodes.b, nodes.a.source, message);
  }
  EXPECT_EQ(dropped(nodes.b, DropReason::wrong_cookie), 1U);
  EXPECT_EQ(dropped(nodes.b, DropReason::unexpected_response), 1U);
}

TEST_F(HostileTest, data_with_a_counter_beyond_the_last_is_not_even_opened) {
  nodes.establish(nodes.a);
  Buffer data = data_from(nodes.a);
  std::fill_n(data.begin() + 8, 8, std::byte{0xff});
  nodes.arrive(nodes.b, nodes.a.source, data);
  EXPECT_EQ(dropped(nodes.b, DropReason::counter_limit), 1U);
}

// Many strangers who know b's public key.
class LoadTest : public HostileTest {
 protected:
  static constexpr std::size_t before_load = HandshakeGate::unloaded.burst;

  Buffer initiation_of_a_stranger(CookieHolder& macs) {
    auto created =
        create_initiation(stranger, *to_b, SessionIndex{77}, Tai64n{}, crypto::EphemeralPrivateKey::generate(random));
    Buffer message = to_buffer(created->message);
    macs.add_macs(message, nodes.now);
    return message;
  }
  void flood(std::size_t count) {
    CookieHolder macs(nodes.b.interface->public_key());
    for (std::size_t i = 0; i < count; i++) {
      Buffer message = initiation_of_a_stranger(macs);
      const Source from(Endpoint{IpAddress::v4(0x0a000000 + static_cast<std::uint32_t>(flooded++)), 1});
      nodes.arrive(nodes.b, from, message);
    }
  }

  SeededRandom random{4};
  LocalIdentity stranger{key_of(0x66)};
  Result<RemoteIdentity, HandshakeError> to_b = RemoteIdentity::make(stranger, nodes.b.interface->public_key());
  std::size_t flooded = 0;
};

TEST_F(LoadTest, a_flood_is_answered_by_cookies_that_carry_nothing_else) {
  flood(before_load);
  EXPECT_EQ(nodes.sent(MessageType::cookie_reply), 0U);
  flood(20);
  EXPECT_EQ(nodes.sent(MessageType::cookie_reply), 20U);
  EXPECT_EQ(dropped(nodes.b, DropReason::cookie_needed), 20U);
  EXPECT_EQ(nodes.sent(MessageType::response), 0U);
}

TEST_F(LoadTest, a_peer_gets_through_a_flood_with_its_second_initiation) {
  flood(before_load + 1);
  nodes.wire.clear();
  nodes.sent_log.clear();
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_EQ(nodes.sent_log,
            (std::vector<std::optional<MessageType>>{MessageType::initiation, MessageType::cookie_reply}));
  for (int i = 0; i < 6; i++) {  // the flood goes on
    nodes.freeze(seconds(1));
    flood(before_load + 1);
    nodes.wire.clear();
  }
  nodes.sent_log.clear();
  nodes.a.interface->handle_timeout(nodes.now);
  nodes.settle();
  EXPECT_EQ(nodes.sent(MessageType::cookie_reply), 0U);
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST_F(LoadTest, a_cookie_is_worth_nothing_from_another_source) {
  flood(before_load + 1);
  nodes.wire.clear();
  CookieHolder macs(nodes.b.interface->public_key());
  Buffer first = initiation_of_a_stranger(macs);
  nodes.arrive(nodes.b, nodes.a.source, first);
  ASSERT_TRUE(macs.consume_reply(*CookieReply::parse(next_on_wire()), nodes.now));
  const Buffer second = initiation_of_a_stranger(macs);
  const std::uint64_t needed = dropped(nodes.b, DropReason::cookie_needed);
  Buffer copy = second;
  nodes.arrive(nodes.b, nodes.b.source, copy);
  EXPECT_EQ(dropped(nodes.b, DropReason::cookie_needed), needed + 1);
  copy = second;
  nodes.arrive(nodes.b, nodes.a.source, copy);
  EXPECT_EQ(dropped(nodes.b, DropReason::cookie_needed), needed + 1) << "from its own it is";
}

TEST_F(LoadTest, a_source_with_a_cookie_is_limited_to_a_burst_of_5) {
  flood(before_load + 1);
  nodes.wire.clear();
  CookieHolder macs(nodes.b.interface->public_key());
  Buffer first = initiation_of_a_stranger(macs);
  nodes.arrive(nodes.b, nodes.a.source, first);
  ASSERT_TRUE(macs.consume_reply(*CookieReply::parse(next_on_wire()), nodes.now));
  for (int i = 0; i < 30; i++) {
    Buffer message = initiation_of_a_stranger(macs);
    nodes.arrive(nodes.b, nodes.a.source, message);
  }
  EXPECT_EQ(dropped(nodes.b, DropReason::rate_limited), 25U);
}

TEST_F(LoadTest, an_established_session_does_not_notice_the_flood) {
  nodes.establish(nodes.a);
  flood(before_load + 50);
  nodes.wire.clear();
  for (int i = 0; i < 100; i++) {
    ASSERT_EQ(nodes.send(nodes.a, 1), Sealed::ready);
    flood(1);
  }
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 100U);
}

TEST_F(LoadTest, the_load_is_over_a_second_after_the_flood) {
  flood(before_load + 1);
  nodes.wire.clear();
  nodes.freeze(seconds(1));
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.sent(MessageType::response), 1U);
}

}  // namespace
}  // namespace quoin::wireguard
