#include "netstack/tcp_packets.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "netstack/stack_bench_test.h"
#include "netstack/wire/linux_packets_test.h"

namespace quoin::netstack {
namespace {

using namespace testing;

const FlowKey v4{IpProtocol::tcp, {our_v4, 80}, {peer_v4, 40'000}};
const FlowKey v6{IpProtocol::tcp, {our_v6, 80}, {peer_v6, 40'000}};

// A queue whose content begins at this sequence number, in a ring that turns over somewhere inside.
tcp::SendQueue queue_with(std::uint32_t sequence, Bytes content) {
  tcp::SendQueue queue;
  queue.set_limit(1 << 20);
  queue.start(tcp::first_position(sequence));
  std::size_t written = 0;
  while (written < content.size()) {
    for (const MutableBytes span : queue.write_space(content.size() - written)) {
      const std::size_t length = std::min(span.size(), content.size() - written);
      std::ranges::copy(content.subspan(written, length), span.begin());
      queue.commit(length);
      written += length;
    }
  }
  return queue;
}

tcp::Outgoing outgoing(const tcp::SendQueue& queue, std::uint32_t sequence, std::size_t length) {
  tcp::Outgoing segment;
  segment.sequence = sequence;
  segment.acknowledgment = 0x0102'0304;
  segment.flags = {.fin = true, .psh = true, .ack = true};
  segment.window = 512;
  segment.options.timestamps = tcp::Timestamps{11, 22};
  segment.mss = 1'208;
  segment.payload = queue.read(tcp::unwrap(queue.begin(), sequence), length);
  return segment;
}

std::vector<Buffer> taken(PacketBatch& batch) {
  std::vector<Buffer> packets;
  for (std::size_t i = 0; i < batch.size(); i++) packets.push_back(to_buffer(batch.packet(i)));
  batch.clear();
  return packets;
}

TEST(TcpPackets, writes_the_syn_that_linux_writes) {
  for (const auto& [name, key] : {std::pair("syn-v4", FlowKey{IpProtocol::tcp, {our_v4, 40'001}, {peer_v4, 80}}),
                                  std::pair("syn-v6", FlowKey{IpProtocol::tcp, {our_v6, 40'001}, {peer_v6, 80}})}) {
    const Buffer expected = linux_packet(name);
    const auto linux_syn = read_tcp(expected);
    ASSERT_TRUE(linux_syn);
    tcp::Outgoing segment;
    segment.sequence = linux_syn->header.sequence;
    segment.flags = linux_syn->header.flags;
    segment.window = linux_syn->header.window;
    segment.options = linux_syn->header.options;
    const Buffer ours = bare_packet(key, segment);
    const auto read = read_tcp(ours);
    ASSERT_TRUE(read);
    EXPECT_EQ(ours.size(), expected.size());
    EXPECT_EQ(read->header.options, segment.options);
    EXPECT_EQ(read->header.source_port, 40'001);
    EXPECT_EQ(read->header.destination_port, 80);
    EXPECT_EQ(read->header.sequence, segment.sequence);
    EXPECT_EQ(read->header.window, segment.window);
    EXPECT_EQ(read->header.flags, segment.flags);
  }
}

TEST(TcpPackets, cuts_a_large_segment_at_the_mss_with_fin_and_psh_on_the_last) {
  Buffer content(65'536);
  SeededRandom(1).fill(content);
  for (const FlowKey& key : {v4, v6}) {
    const std::uint32_t sequence = 0xffff'f000;  // wraps inside
    const tcp::SendQueue queue = queue_with(sequence, content);
    UnsentRest rest{outgoing(queue, sequence, content.size())};
    PacketBatch batch(1'280);
    std::vector<Buffer> packets;
    bool more = true;
    int batches = 0;
    while (more) {
      more = cut_into(batch, key, queue, rest);
      for (Buffer& packet : taken(batch)) packets.push_back(std::move(packet));
      ASSERT_LE(++batches, 2);
    }
    EXPECT_EQ(packets.size(), (content.size() + 1'207) / 1'208);
    Buffer received;
    for (std::size_t i = 0; i < packets.size(); i++) {
      const auto packet = read_tcp(packets[i]);
      ASSERT_TRUE(packet) << "its checksums are right";
      const bool last = i + 1 == packets.size();
      EXPECT_EQ(packet->header.sequence, sequence + static_cast<std::uint32_t>(received.size()));
      EXPECT_EQ(packet->header.acknowledgment, 0x0102'0304u);
      EXPECT_EQ(packet->header.window, 512);
      EXPECT_EQ(packet->header.options.timestamps, (tcp::Timestamps{11, 22}));
      EXPECT_EQ(packet->header.flags.fin, last);
      EXPECT_EQ(packet->header.flags.psh, last);
      EXPECT_TRUE(packet->header.flags.ack);
      EXPECT_EQ(packet->ip.destination, key.remote.address);
      if (!last) EXPECT_EQ(packet->payload.size(), 1'208u);
      append(received, packet->payload);
    }
    EXPECT_TRUE(equal(received, content));
  }
}

TEST(TcpPackets, goes_on_after_the_queue_moved_and_part_was_acknowledged) {
  Buffer content(60'000);
  SeededRandom(2).fill(content);
  tcp::SendQueue queue = queue_with(1'000, content);
  UnsentRest rest{outgoing(queue, 1'000, content.size())};
  PacketBatch batch(1'280);
  for (int i = 0; i < 44; i++) batch.append(1'280);
  ASSERT_TRUE(cut_into(batch, v4, queue, rest));
  const std::size_t sent = rest.sent;
  EXPECT_GT(sent, 0u);
  batch.clear();
  // The peer acknowledges an earlier transmission of more than was sent just now, and the writer makes the ring grow.
  queue.acknowledge(tcp::first_position(1'000) + sent + 700);
  for (const MutableBytes span : queue.write_space(500'000)) queue.commit(span.size());
  ASSERT_FALSE(cut_into(batch, v4, queue, rest));
  Buffer received;
  for (const Buffer& packet : taken(batch)) {
    const auto read = read_tcp(packet);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->header.sequence, 1'000 + sent + 700 + received.size());
    append(received, read->payload);
  }
  EXPECT_TRUE(equal(received, Bytes(content).subspan(sent + 700)));
}

TEST(TcpPackets, sends_nothing_more_when_all_was_acknowledged_or_the_queue_is_gone) {
  const Buffer content(10'000);
  for (const bool cleared : {false, true}) {
    tcp::SendQueue queue = queue_with(1, content);
    UnsentRest rest{outgoing(queue, 1, content.size())};
    rest.sent = 1'208;
    if (cleared) {
      queue.clear();
    } else {
      queue.acknowledge(tcp::first_position(1) + content.size());
    }
    PacketBatch batch(1'280);
    EXPECT_FALSE(cut_into(batch, v4, queue, rest));
    EXPECT_TRUE(batch.empty());
  }
}

}  // namespace
}  // namespace quoin::netstack
