#include "derp/send_queue.h"

#include <gtest/gtest.h>

#include "derp/token_bucket.h"

namespace quoin::derp {
namespace {

const crypto::NodePublicKey somebody({std::byte{1}});

Buffer keep_alive() {
  Buffer out;
  append_frame(out, FrameType::keep_alive, {});
  return out;
}

Buffer numbered(std::uint32_t number, std::size_t length) {
  Buffer out(length);
  Writer(out).u32(number);
  return out;
}

// Takes everything out, in pieces of at most `piece`; gives the numbers of the packets and counts other frames.
struct Drained {
  std::vector<std::uint32_t> packets;
  int control = 0;
};
Drained drain(SendQueue& queue, std::size_t piece) {
  Buffer stream;
  while (!queue.output().empty()) {
    const Bytes out = queue.output().first(std::min(piece, queue.output().size()));
    append(stream, out);
    queue.sent(out.size());
  }
  Drained out;
  for (Reader reader(stream); reader.remaining() > 0;) {
    const std::uint8_t type = reader.u8();
    const Bytes payload = reader.take(reader.u32());
    EXPECT_TRUE(reader.ok());
    if (type == static_cast<std::uint8_t>(FrameType::send_packet)) {
      out.packets.push_back(Reader(payload.subspan(32)).u32());
    } else {
      out.control++;
    }
  }
  return out;
}

TEST(DerpSendQueue, keeps_order_whatever_the_size_of_writes) {
  for (const std::size_t piece : {1u, 7u, 1000u, 1u << 20}) {
    SendQueue queue;
    for (std::uint32_t i = 0; i < 50; i++) queue.append_packet(FrameType::send_packet, somebody, numbered(i, 100 + i));
    const Drained drained = drain(queue, piece);
    ASSERT_EQ(drained.packets.size(), 50u);
    for (std::uint32_t i = 0; i < 50; i++) EXPECT_EQ(drained.packets[i], i);
    EXPECT_TRUE(queue.empty());
  }
}

TEST(DerpSendQueue, shows_many_packets_as_one_piece) {
  SendQueue queue;
  for (std::uint32_t i = 0; i < 10; i++) queue.append_packet(FrameType::send_packet, somebody, numbered(i, 1000));
  EXPECT_EQ(queue.output().size(), 10u * 1037);
}

TEST(DerpSendQueue, drops_the_oldest_when_the_socket_is_slow) {
  SendQueue queue;
  const std::uint32_t total = 2000;
  for (std::uint32_t i = 0; i < total; i++) {
    queue.append_packet(FrameType::send_packet, somebody, numbered(i, 1300));
    ASSERT_LE(queue.waiting_packet_bytes(), SendQueue::waiting_bytes_max);
  }
  const Drained drained = drain(queue, 1 << 20);
  EXPECT_EQ(drained.packets.back(), total - 1);
  EXPECT_EQ(drained.packets.front(), total - drained.packets.size());
  EXPECT_EQ(queue.packets_dropped(), total - drained.packets.size());
  EXPECT_GT(drained.packets.size(), 150u);
}

TEST(DerpSendQueue, what_is_being_written_stays_in_place_and_whole) {
  SendQueue queue;
  queue.append_packet(FrameType::send_packet, somebody, numbered(7, 500));
  const Bytes writing = queue.output();
  const Buffer before = to_buffer(writing);
  for (std::uint32_t i = 0; i < 2000; i++) queue.append_packet(FrameType::send_packet, somebody, numbered(i, 1300));
  EXPECT_TRUE(equal(writing, before));
  EXPECT_EQ(queue.output().data(), writing.data());
  queue.sent(3);
  EXPECT_EQ(queue.output().data(), writing.data() + 3);
  EXPECT_EQ(queue.output().size(), before.size() - 3);
}

TEST(DerpSendQueue, control_frames_go_first_and_are_never_dropped) {
  SendQueue queue;
  ASSERT_TRUE(queue.append_control(keep_alive()));
  for (std::uint32_t i = 0; i < 2000; i++) queue.append_packet(FrameType::send_packet, somebody, numbered(i, 1300));
  EXPECT_TRUE(equal(queue.output(), keep_alive()));
  EXPECT_EQ(drain(queue, 100).control, 1);
}

TEST(DerpSendQueue, says_when_control_frames_pile_up) {
  SendQueue queue;
  int taken = 0;
  while (queue.append_control(keep_alive())) taken++;
  EXPECT_EQ(taken, int{SendQueue::control_bytes_max / 5});
}

TEST(DerpSendQueue, does_not_take_a_packet_over_64_kib) {
  SendQueue queue;
  queue.append_packet(FrameType::send_packet, somebody, Buffer(packet_bytes_max + 1));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.packets_dropped(), 1u);
  queue.append_packet(FrameType::send_packet, somebody, Buffer(packet_bytes_max));
  EXPECT_FALSE(queue.empty());
}

TEST(TokenBucket, allows_a_burst_and_then_the_rate) {
  Instant now;
  TokenBucket bucket(1000, 500, now);
  EXPECT_TRUE(bucket.take(500, now));
  EXPECT_FALSE(bucket.take(1, now));
  now += milliseconds(100);
  EXPECT_FALSE(bucket.take(101, now));
  EXPECT_TRUE(bucket.take(100, now));
  now += hours(1000);
  EXPECT_FALSE(bucket.take(501, now));
  EXPECT_TRUE(bucket.take(500, now));
}

TEST(TokenBucket, loses_nothing_however_often_it_is_asked) {
  Instant now;
  TokenBucket bucket(1000, 1000, now);
  ASSERT_TRUE(bucket.take(1000, now));
  int taken = 0;
  for (int i = 0; i < 10'000; i++) {  // one second in tenths of a millisecond
    now += microseconds(100);
    if (bucket.take(1, now)) taken++;
  }
  EXPECT_GE(taken, 999);
  EXPECT_LE(taken, 1000);
}

TEST(TokenBucket, survives_numbers_at_their_ends) {
  Instant now;
  TokenBucket bucket(~0ull, ~0ull, now);
  EXPECT_TRUE(bucket.take(TokenBucket::bytes_burst_max, now));
  EXPECT_FALSE(bucket.take(~0ull, now));
  now += nanoseconds(999'999'999);
  EXPECT_TRUE(bucket.take(9'999'999'990, now));
  EXPECT_FALSE(bucket.take(1, now));
  now += hours(24 * 365 * 100);
  EXPECT_TRUE(bucket.take(TokenBucket::bytes_burst_max, now));
}

}  // namespace
}  // namespace quoin::derp
