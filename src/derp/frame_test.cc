#include "derp/frame.h"

#include <gtest/gtest.h>

#include "derp/frame_reader.h"

namespace quoin::derp {
namespace {

crypto::NodePublicKey key(std::uint8_t value) {
  std::array<std::byte, 32> bytes;
  bytes.fill(std::byte{value});
  return crypto::NodePublicKey(bytes);
}

void give(FrameReader& reader, Bytes bytes) {
  const MutableBytes space = reader.space();
  ASSERT_GE(space.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), space.begin());
  reader.filled(bytes.size());
}

Buffer frame_header(std::uint8_t type, std::uint32_t length) {
  Buffer out(frame_header_bytes);
  Writer writer(out);
  writer.u8(type);
  writer.u32(length);
  return out;
}

TEST(DerpFrame, is_a_type_and_a_big_endian_length_before_the_payload) {
  Buffer out;
  append_frame(out, FrameType::send_packet, {key(0xaa).bytes(), bytes_of("hi")});
  EXPECT_EQ(to_hex(out), "0400000022" + std::string(64, 'a') + "6869");
}

TEST(DerpFrame, reads_every_frame_that_a_relay_sends) {
  Buffer stream;
  append_server_key(stream, RelayPublicKey(Reader(key(1).bytes()).array<32>()));
  append_frame(stream, FrameType::server_info, {Buffer(60)});
  append_frame(stream, FrameType::recv_packet, {key(2).bytes(), bytes_of("packet")});
  append_frame(stream, FrameType::keep_alive, {});
  append_peer_gone(stream, key(3), PeerGoneReason::not_here);
  append_frame(stream, FrameType::peer_present, {key(4).bytes(), Buffer(19)});
  append_frame(stream, FrameType::ping, {bytes_of("12345678")});
  append_frame(stream, FrameType::pong, {bytes_of("87654321")});
  append_frame(stream, FrameType::health, {bytes_of("tired")});
  append_restarting(stream, {.reconnect_in = milliseconds(5), .try_for = seconds(2)});

  FrameReader reader;
  give(reader, stream);
  const auto next = [&] { return parse_to_client(*reader.next().value()).value().value(); };
  EXPECT_EQ(to_hex(std::get<ServerKey>(next()).key.bytes()), to_hex(key(1).bytes()));
  EXPECT_EQ(std::get<SealedServerInfo>(next()).box.size(), 60u);
  const auto packet = std::get<RecvPacket>(next());
  EXPECT_EQ(packet.source, key(2));
  EXPECT_EQ(text_of(packet.packet), "packet");
  EXPECT_TRUE(std::holds_alternative<KeepAlive>(next()));
  const auto gone = std::get<PeerGone>(next());
  EXPECT_EQ(gone.peer, key(3));
  EXPECT_EQ(gone.reason, PeerGoneReason::not_here);
  EXPECT_EQ(std::get<PeerPresent>(next()).peer, key(4));
  EXPECT_EQ(text_of(std::get<Ping>(next()).bytes), "12345678");
  EXPECT_EQ(text_of(std::get<Pong>(next()).bytes), "87654321");
  EXPECT_EQ(std::get<Health>(next()).text, "tired");
  const auto restarting = std::get<Restarting>(next());
  EXPECT_EQ(restarting.reconnect_in, milliseconds(5));
  EXPECT_EQ(restarting.try_for, seconds(2));
  EXPECT_FALSE(reader.next().value());
}

TEST(DerpFrame, reads_every_frame_that_a_client_sends) {
  Buffer stream;
  append_frame(stream, FrameType::client_info, {key(1).bytes(), Buffer(60)});
  append_frame(stream, FrameType::forward_packet, {key(2).bytes(), key(3).bytes(), bytes_of("x")});
  append_note_preferred(stream, true);
  append_frame(stream, FrameType::watch_connections, {});
  append_frame(stream, FrameType::close_peer, {key(4).bytes()});

  FrameReader reader;
  give(reader, stream);
  const auto next = [&] { return parse_to_relay(*reader.next().value()).value().value(); };
  EXPECT_EQ(std::get<SealedClientInfo>(next()).client, key(1));
  const auto forwarded = std::get<ForwardPacket>(next());
  EXPECT_EQ(forwarded.source, key(2));
  EXPECT_EQ(forwarded.destination, key(3));
  EXPECT_EQ(text_of(forwarded.packet), "x");
  EXPECT_TRUE(std::get<NotePreferred>(next()).preferred);
  EXPECT_TRUE(std::holds_alternative<WatchConnections>(next()));
  EXPECT_EQ(std::get<ClosePeer>(next()).peer, key(4));
}

TEST(DerpFrame, a_frame_of_the_other_direction_is_skipped) {
  Buffer payload(64);
  EXPECT_FALSE(parse_to_client({.type = FrameType::send_packet, .payload = payload}).value());
  EXPECT_FALSE(parse_to_relay({.type = FrameType::recv_packet, .payload = payload}).value());
}

TEST(DerpFrame, payloads_shorter_than_their_fixed_fields_are_malformed) {
  Buffer payload(7);
  for (const FrameType type : {FrameType::server_key, FrameType::server_info, FrameType::recv_packet,
                               FrameType::peer_gone, FrameType::ping, FrameType::restarting}) {
    EXPECT_EQ(parse_to_client({.type = type, .payload = payload}).error(), FrameError::malformed);
  }
  for (const FrameType type : {FrameType::client_info, FrameType::send_packet, FrameType::forward_packet,
                               FrameType::close_peer, FrameType::ping}) {
    EXPECT_EQ(parse_to_relay({.type = type, .payload = payload}).error(), FrameError::malformed);
  }
  Buffer two = {std::byte{2}};
  EXPECT_EQ(parse_to_relay({.type = FrameType::note_preferred, .payload = two}).error(), FrameError::malformed);
}

TEST(DerpFrame, a_peer_gone_without_reason_means_disconnected) {
  Buffer payload = to_buffer(key(1).bytes());
  const auto gone =
      std::get<PeerGone>(parse_to_client({.type = FrameType::peer_gone, .payload = payload}).value().value());
  EXPECT_EQ(gone.reason, PeerGoneReason::disconnected);
}

TEST(DerpFrameReader, hands_out_frames_in_place) {
  FrameReader reader;
  const MutableBytes space = reader.space();
  Buffer stream;
  append_frame(stream, FrameType::recv_packet, {key(1).bytes(), bytes_of("in place")});
  std::copy(stream.begin(), stream.end(), space.begin());
  reader.filled(stream.size());
  const auto frame = reader.next().value();
  EXPECT_EQ(frame->payload.data(), space.data() + frame_header_bytes);
}

TEST(DerpFrameReader, puts_frames_together_from_single_bytes) {
  Buffer stream;
  for (int i = 0; i < 3; i++) append_frame(stream, FrameType::recv_packet, {key(1).bytes(), Buffer(200)});
  FrameReader reader(16);
  int frames = 0;
  for (const std::byte& each : stream) {
    give(reader, Bytes(&each, 1));
    while (reader.next().value()) frames++;
  }
  EXPECT_EQ(frames, 3);
}

TEST(DerpFrameReader, takes_the_largest_packet_and_grows_no_further) {
  Buffer stream;
  append_frame(stream, FrameType::recv_packet, {key(1).bytes(), Buffer(packet_bytes_max)});
  FrameReader reader(64);
  Bytes rest = stream;
  std::size_t largest_space = 0;
  bool arrived = false;
  while (!rest.empty()) {
    const MutableBytes space = reader.space();
    largest_space = std::max(largest_space, space.size());
    const std::size_t part = std::min(space.size(), rest.size());
    std::copy_n(rest.begin(), part, space.begin());
    reader.filled(part);
    rest = rest.subspan(part);
    if (reader.next().value()) arrived = true;
  }
  EXPECT_TRUE(arrived);
  EXPECT_LE(largest_space, FrameReader::memory_bytes_max);
}

TEST(DerpFrameReader, refuses_lengths_beyond_the_bound_of_their_type_before_any_payload) {
  for (const auto& [type, length] : {std::pair<std::uint8_t, std::uint32_t>{0x05, 32 + 64 * 1024 + 1},
                                     {0x04, 0xffffffff},
                                     {0x02, 16 * 1024 + 1},
                                     {0x07, 2},
                                     {0x14, 1 << 20},
                                     {0x77, (1 << 20) + 1},
                                     {0x77, 0xffffffff}}) {
    FrameReader reader;
    give(reader, frame_header(type, length));
    EXPECT_EQ(reader.next().error(), FrameError::too_large) << int{type};
  }
}

TEST(DerpFrameReader, skips_unknown_frames_by_length_without_storing_them) {
  FrameReader reader(256);
  give(reader, frame_header(0x77, 1 << 20));
  EXPECT_FALSE(reader.next().value());
  for (std::size_t left = 1 << 20; left > 0;) {
    const std::size_t part = std::min(left, reader.space().size());
    ASSERT_LE(part, 256u);
    reader.filled(part);
    left -= part;
    EXPECT_FALSE(reader.next().value());
  }
  give(reader, frame_header(0x06, 0));
  EXPECT_EQ(reader.next().value()->type, FrameType::keep_alive);
}

}  // namespace
}  // namespace quoin::derp
