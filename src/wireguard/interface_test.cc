// Peers, bursts and known bytes.

#include "wireguard/interface.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "crypto/vectors_test.h"
#include "wireguard/two_nodes.h"

namespace quoin::wireguard {
namespace {

// Answers each length with its own bytes, whatever is asked for first.
class ScriptedRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    const auto found = by_length.find(out.size());
    for (std::size_t i = 0; i < out.size(); i++) {
      out[i] = found == by_length.end() ? std::byte{0} : found->second[i % found->second.size()];
    }
  }
  std::map<std::size_t, Buffer> by_length;
};

class InterfaceTest : public ::testing::Test {
 protected:
  // Fills the batch with `count` packets of `length` bytes, each with its number in its last byte.
  void fill_batch(const TestNode& from, const TestNode& to, std::size_t count, std::size_t length) {
    nodes.batch.clear();
    for (std::size_t i = 0; i < count; i++) {
      const Buffer packet = ipv4_packet(from.inner, to.inner, length, static_cast<std::uint8_t>(i));
      ASSERT_TRUE(nodes.batch.fits(length));
      std::ranges::copy(packet, nodes.batch.append(length).begin());
    }
  }

  TwoNodes nodes;
};

TEST(Interface, writes_the_known_bytes_as_initiator_and_takes_them_as_responder) {
  const auto vectors = crypto::read_vectors("wireguard/handshake.json");
  const Instant now{hours(1)};
  const WallTime wall{seconds(vectors.at("unix_time").as_int64())};
  const auto key = [&](std::string_view name) {
    return crypto::NodePrivateKey::from_bytes(crypto::repeated_byte_at(vectors, name));
  };
  ScriptedRandom chance_a;
  chance_a.by_length[32] = crypto::bytes_at(vectors, "initiator_ephemeral");
  chance_a.by_length[4] = crypto::bytes_at(vectors, "initiator_index");
  ScriptedRandom chance_b;
  chance_b.by_length[32] = crypto::bytes_at(vectors, "responder_ephemeral");
  chance_b.by_length[4] = crypto::bytes_at(vectors, "responder_index");
  Interface a(key("initiator_static"), chance_a, now, wall);
  Interface b(key("responder_static"), chance_b, now, wall);
  const PeerId to_b = a.add_peer(b.public_key(), {}, now).value();
  ASSERT_TRUE(b.add_peer(a.public_key(), {}, now));
  const Source source(Endpoint::parse("192.0.2.1:1").value());
  std::vector<OpenedPacket> opened;

  PacketBatch batch(1280);
  const Buffer plain = crypto::bytes_at(vectors, "plain");
  std::ranges::copy(plain, batch.append(plain.size()).begin());
  EXPECT_EQ(a.seal(to_b, batch, 0, 1, now), Sealed::staged);
  auto initiation = a.poll_transmit();
  ASSERT_TRUE(initiation);
  EXPECT_EQ(to_hex(initiation->datagram), crypto::text_at(vectors, "initiation"));
  EXPECT_EQ(initiation->answer_to, std::nullopt);
  EXPECT_EQ(initiation->peer, to_b);

  b.handle_burst(source, initiation->datagram, 0, opened, now);
  auto response = b.poll_transmit();
  ASSERT_TRUE(response);
  EXPECT_EQ(to_hex(response->datagram), crypto::text_at(vectors, "response"));
  EXPECT_EQ(response->answer_to, source);

  a.handle_burst(source, response->datagram, 0, opened, now);
  auto data = a.poll_transmit();
  ASSERT_TRUE(data);
  EXPECT_EQ(to_hex(data->datagram), crypto::text_at(vectors, "initiator_data"));
  b.handle_burst(source, data->datagram, 0, opened, now);
  EXPECT_EQ(b.drops()[DropReason::bad_inner_packet], 1U) << "it opens, but is no IP packet";
  EXPECT_EQ(b.drops().total(), 1U);
}

TEST_F(InterfaceTest, seals_and_opens_the_largest_bursts_in_place) {
  nodes.establish(nodes.a);
  for (const auto& [count, length] : {std::pair<std::size_t, std::size_t>{49, 1280}, {64, 900}}) {
    fill_batch(nodes.a, nodes.b, count, length);
    ASSERT_EQ(nodes.a.interface->seal(nodes.a.peer, nodes.batch, 0, count, nodes.now), Sealed::ready);
    Buffer run = to_buffer(nodes.batch.segments(0, count));
    const std::size_t segment_bytes = run.size() / count;
    std::vector<OpenedPacket> opened;
    nodes.b.interface->handle_burst(nodes.a.source, run, segment_bytes, opened, nodes.now);
    ASSERT_EQ(opened.size(), count);
    for (std::size_t i = 0; i < count; i++) {
      EXPECT_EQ(opened[i].peer, nodes.b.peer);
      EXPECT_EQ(opened[i].packet.data(), run.data() + i * segment_bytes + 16);
      EXPECT_TRUE(
          equal(opened[i].packet, ipv4_packet(nodes.a.inner, nodes.b.inner, length, static_cast<std::uint8_t>(i))));
    }
  }
}

TEST_F(InterfaceTest, takes_a_run_whose_last_segment_is_shorter) {
  nodes.establish(nodes.a);
  fill_batch(nodes.a, nodes.b, 3, 1280);
  std::ranges::copy(ipv4_packet(nodes.a.inner, nodes.b.inner, 33), nodes.batch.append(33).begin());
  ASSERT_EQ(nodes.a.interface->seal(nodes.a.peer, nodes.batch, 0, 4, nodes.now), Sealed::ready);
  Buffer run = to_buffer(nodes.batch.segments(0, 4));
  nodes.arrive(nodes.b, nodes.a.source, run, 1312);
  ASSERT_EQ(nodes.b.delivered.size(), 4U);
  EXPECT_EQ(nodes.b.delivered[3].size(), 33U);
}

TEST_F(InterfaceTest, seals_a_part_of_a_batch_and_leaves_the_rest) {
  nodes.establish(nodes.a);
  fill_batch(nodes.a, nodes.b, 4, 128);
  const Buffer first = to_buffer(nodes.batch.packet(0));
  const Buffer last = to_buffer(nodes.batch.packet(3));
  ASSERT_EQ(nodes.a.interface->seal(nodes.a.peer, nodes.batch, 1, 2, nodes.now), Sealed::ready);
  EXPECT_TRUE(equal(nodes.batch.packet(0), first));
  EXPECT_TRUE(equal(nodes.batch.packet(3), last));
  Buffer run = to_buffer(nodes.batch.segments(1, 2));
  nodes.arrive(nodes.b, nodes.a.source, run, run.size() / 2);
  ASSERT_EQ(nodes.b.delivered.size(), 2U);
  EXPECT_EQ(nodes.b.delivered[0].back(), std::byte{1});
  EXPECT_EQ(nodes.b.delivered[1].back(), std::byte{2});
}

TEST_F(InterfaceTest, a_burst_may_mix_sessions_handshakes_and_rubbish) {
  nodes.establish(nodes.a);
  fill_batch(nodes.a, nodes.b, 4, 100);  // segments of 144 bytes, shorter than an initiation
  ASSERT_EQ(nodes.a.interface->seal(nodes.a.peer, nodes.batch, 0, 4, nodes.now), Sealed::ready);
  Buffer run = to_buffer(nodes.batch.segments(0, 4));
  ASSERT_EQ(run.size(), 4U * 144);
  run[144 + 4] ^= std::byte{1};  // the second is for nobody
  run[2 * 144] = std::byte{9};   // the third is no message
  nodes.arrive(nodes.b, nodes.a.source, run, 144);
  EXPECT_EQ(nodes.b.delivered.size(), 2U);
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::unknown_receiver], 1U);
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::not_wireguard], 1U);
}

TEST_F(InterfaceTest, a_burst_with_the_same_packet_twice_delivers_it_once) {
  nodes.establish(nodes.a);
  fill_batch(nodes.a, nodes.b, 1, 100);
  ASSERT_EQ(nodes.a.interface->seal(nodes.a.peer, nodes.batch, 0, 1, nodes.now), Sealed::ready);
  Buffer run = to_buffer(nodes.batch.segments(0, 1));
  append(run, to_buffer(nodes.batch.segments(0, 1)));
  nodes.arrive(nodes.b, nodes.a.source, run, 144);
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::replayed], 1U);
}

TEST_F(InterfaceTest, answers_an_initiation_where_it_came_from_and_nothing_else) {
  nodes.send(nodes.a, 1);
  InFlight initiation = nodes.wire.front();
  nodes.wire.clear();
  std::vector<OpenedPacket> opened;
  const Source relayed(RelayedNode{4, nodes.a.interface->public_key()});
  nodes.b.interface->handle_burst(relayed, initiation.datagram, 0, opened, nodes.now);
  auto response = nodes.b.interface->poll_transmit();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->answer_to, relayed);
  EXPECT_EQ(response->peer, nodes.b.peer);
  nodes.a.interface->handle_burst(relayed, response->datagram, 0, opened, nodes.now);
  const auto data = nodes.a.interface->poll_transmit();
  ASSERT_TRUE(data);
  EXPECT_EQ(data->answer_to, std::nullopt);
}

TEST_F(InterfaceTest, refuses_peers_that_cannot_be) {
  Interface& a = *nodes.a.interface;
  const auto error = [&](const crypto::NodePublicKey& key) { return a.add_peer(key, {}, nodes.now).error(); };
  EXPECT_EQ(error(nodes.b.interface->public_key()), AddPeerError::already_added);
  EXPECT_EQ(error(a.public_key()), AddPeerError::own_key);
  EXPECT_EQ(error(crypto::NodePublicKey()), AddPeerError::low_order_key);
}

TEST_F(InterfaceTest, never_gives_an_id_twice) {
  Interface& a = *nodes.a.interface;
  const PeerId before = nodes.a.peer;
  a.remove_peer(before);
  nodes.introduce(nodes.a, nodes.b);
  EXPECT_NE(nodes.a.peer, before);
  a.remove_peer(before);
  EXPECT_TRUE(a.find_peer(nodes.b.interface->public_key())) << "the old id names nothing";
}

TEST_F(InterfaceTest, forgets_a_removed_peer_wholly) {
  nodes.establish(nodes.a);
  nodes.send(nodes.a, 1);
  const InFlight data = nodes.wire.front();
  nodes.wire.clear();
  nodes.b.interface->start_handshake(nodes.b.peer, nodes.now + seconds(10));  // something is in the outbox
  nodes.b.interface->remove_peer(nodes.b.peer);
  EXPECT_FALSE(nodes.b.interface->poll_transmit());
  EXPECT_FALSE(nodes.b.interface->poll_timeout());
  EXPECT_FALSE(nodes.b.interface->statistics(nodes.b.peer));
  EXPECT_FALSE(nodes.b.interface->find_peer(nodes.a.inner));
  nodes.deliver(data);
  EXPECT_TRUE(nodes.b.delivered.empty());
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::unknown_receiver], 1U);
  EXPECT_EQ(nodes.send(nodes.b, 2), Sealed::no_such_peer);
}

TEST_F(InterfaceTest, a_peer_that_is_removed_and_added_again_is_not_taken_for_a_replay) {
  nodes.establish(nodes.a);
  nodes.a.interface->remove_peer(nodes.a.peer);
  nodes.introduce(nodes.a, nodes.b);
  nodes.freeze(milliseconds(20));
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST_F(InterfaceTest, drops_packets_whose_source_is_not_the_peers) {
  nodes.establish(nodes.a);
  nodes.send(nodes.a, ipv4_packet(IpAddress::v4(0x08080808), nodes.b.inner, 60));
  nodes.settle();
  EXPECT_TRUE(nodes.b.delivered.empty());
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::source_not_allowed], 1U);
  nodes.b.interface->set_allowed_ips(nodes.b.peer, {Prefix::parse("8.8.0.0/16").value()});
  nodes.send(nodes.a, ipv4_packet(IpAddress::v4(0x08080808), nodes.b.inner, 60));
  nodes.send(nodes.a, 1);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::source_not_allowed], 2U);
}

TEST_F(InterfaceTest, drops_what_is_not_an_ip_packet_of_its_own_length) {
  nodes.establish(nodes.a);
  Buffer too_long = ipv4_packet(nodes.a.inner, nodes.b.inner, 64);
  too_long[3] = std::byte{65};
  Buffer header_cut = ipv4_packet(nodes.a.inner, nodes.b.inner, 64);
  header_cut[3] = std::byte{19};
  Buffer version_5 = ipv4_packet(nodes.a.inner, nodes.b.inner, 64);
  version_5[0] = std::byte{0x55};
  Buffer version_6_short(16);
  version_6_short[0] = std::byte{0x60};
  Buffer version_6_long(48);
  version_6_long[0] = std::byte{0x60};
  version_6_long[5] = std::byte{9};
  for (const Buffer& packet : {too_long, header_cut, version_5, version_6_short, version_6_long}) {
    nodes.send(nodes.a, packet);
  }
  nodes.settle();
  EXPECT_TRUE(nodes.b.delivered.empty());
  EXPECT_EQ(nodes.b.interface->drops()[DropReason::bad_inner_packet], 5U);
}

TEST_F(InterfaceTest, trims_ipv6_packets) {
  nodes.establish(nodes.a);
  const IpAddress source = IpAddress::parse("fd7a:115c:a1e0::1").value();
  nodes.b.interface->set_allowed_ips(nodes.b.peer, {Prefix::host(source)});
  Buffer packet(49);
  packet[0] = std::byte{0x60};
  packet[5] = std::byte{9};
  std::ranges::copy(source.bytes(), packet.begin() + 8);
  nodes.send(nodes.a, packet);
  nodes.settle();
  ASSERT_EQ(nodes.b.delivered.size(), 1U);
  EXPECT_EQ(nodes.b.delivered[0], packet);
}

TEST_F(InterfaceTest, answers_a_held_initiation_once_its_peer_is_added) {
  nodes.b.restart(nodes.now);  // knows nobody
  nodes.send(nodes.a, 1);
  nodes.settle();
  ASSERT_EQ(nodes.b.events.size(), 1U);
  EXPECT_EQ(std::get<UnknownInitiator>(nodes.b.events[0]).key, nodes.a.interface->public_key());
  EXPECT_EQ(nodes.sent(MessageType::response), 0U) << "strangers get no answer";
  nodes.freeze(seconds(3));
  nodes.introduce(nodes.b, nodes.a);
  auto response = nodes.b.interface->poll_transmit();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->answer_to, nodes.a.source);
  nodes.put(nodes.b, response->datagram);
  nodes.settle();
  EXPECT_EQ(nodes.b.delivered.size(), 1U);
}

TEST_F(InterfaceTest, forgets_a_held_initiation_after_5_seconds) {
  nodes.b.restart(nodes.now);
  nodes.send(nodes.a, 1);
  nodes.settle();
  nodes.freeze(seconds(5) + nanoseconds(1));
  nodes.introduce(nodes.b, nodes.a);
  EXPECT_FALSE(nodes.b.interface->poll_transmit());
}

TEST_F(InterfaceTest, answers_only_the_newest_held_initiation_and_tells_its_owner_once) {
  nodes.b.restart(nodes.now);
  nodes.send(nodes.a, 1);
  const InFlight first = nodes.wire.front();
  nodes.wire.clear();
  nodes.freeze(seconds(5));
  nodes.send(nodes.a, 2);
  const InFlight second = nodes.wire.front();
  nodes.wire.clear();
  nodes.deliver(second);
  nodes.deliver(first);  // late: must not replace the newer one
  EXPECT_EQ(nodes.b.events.size(), 1U);
  nodes.introduce(nodes.b, nodes.a);
  nodes.settle();
  EXPECT_EQ(nodes.sent(MessageType::response), 1U);
  EXPECT_EQ(nodes.b.delivered.size(), 2U);
}

TEST_F(InterfaceTest, holds_a_bounded_number_of_initiations) {
  nodes.b.restart(nodes.now);
  for (std::uint8_t i = 0; i < HeldInitiations::held_max + 10; i++) {
    SeededRandom random(i);
    Interface stranger(key_of(static_cast<std::uint8_t>(100 + i)), random, nodes.now, WallTime{seconds(1)});
    const PeerId peer = stranger.add_peer(nodes.b.interface->public_key(), {}, nodes.now).value();
    stranger.start_handshake(peer, nodes.now);
    Buffer initiation = stranger.poll_transmit()->datagram;
    nodes.freeze(milliseconds(10));
    nodes.arrive(nodes.b, nodes.a.source, initiation);
  }
  EXPECT_EQ(nodes.b.events.size(), HeldInitiations::held_max + 10);
  std::size_t answered = 0;
  for (std::uint8_t i = 0; i < HeldInitiations::held_max + 10; i++) {
    const auto key = key_of(static_cast<std::uint8_t>(100 + i)).public_key();
    ASSERT_TRUE(nodes.b.interface->add_peer(key, {}, nodes.now));
    answered += nodes.b.interface->poll_transmit() ? 1U : 0U;
  }
  // Clamping makes some of these keys equal, so fewer are distinct than were sent.
  EXPECT_LE(answered, HeldInitiations::held_max);
  EXPECT_GT(answered, 0U);
}

TEST_F(InterfaceTest, stays_bounded_when_its_owner_does_not_drain) {
  for (std::uint64_t i = 0; i < Outbox::transmits_max + 50; i++) {
    nodes.a.interface->start_handshake(nodes.a.peer, nodes.now + seconds(6) * static_cast<std::int64_t>(i));
  }
  std::size_t count = 0;
  while (nodes.a.interface->poll_transmit()) count++;
  EXPECT_EQ(count, Outbox::transmits_max);
  EXPECT_EQ(nodes.a.interface->drops()[DropReason::outbox_overflow], 50U);
}

}  // namespace
}  // namespace quoin::wireguard
