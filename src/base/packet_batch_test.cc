#include "base/packet_batch.h"

#include <gtest/gtest.h>

namespace quoin {
namespace {

TEST(PacketBatch, lays_equal_packets_in_one_contiguous_run) {
  PacketBatch batch(1280);
  for (int i = 0; i < 3; i++) ASSERT_EQ(batch.append(1280).size(), 1280u);
  EXPECT_EQ(batch.segment(0).size(), 1312u);
  EXPECT_EQ(batch.segments(0, 3).size(), 3 * 1312u);
  EXPECT_EQ(batch.segment(1).data(), batch.segment(0).data() + 1312);
  EXPECT_EQ(batch.packet(2).data(), batch.segment(2).data() + 16);
}

TEST(PacketBatch, pads_to_sixteen_with_zeros_but_never_beyond_the_mtu) {
  PacketBatch batch(1280);
  std::ranges::fill(batch.append(1280), std::byte{0xff});
  batch.clear();
  const MutableBytes packet = batch.append(50);
  EXPECT_EQ(batch.segment(0).size(), 16u + 64 + 16);
  for (std::size_t i = 50; i < 64; i++) EXPECT_EQ(packet.data()[i], std::byte{0});
  PacketBatch odd(1285);
  odd.append(1284);
  EXPECT_EQ(odd.segment(0).size(), 16u + 1285 + 16);
}

TEST(PacketBatch, is_full_at_its_limits) {
  PacketBatch batch(1280);
  int large = 0;
  while (!batch.append(1280).empty()) large++;
  EXPECT_EQ(large, 49);
  batch.clear();
  int small = 0;
  while (!batch.append(40).empty()) small++;
  EXPECT_EQ(small, 64);
  EXPECT_TRUE(batch.append(1281).empty());
}

}  // namespace
}  // namespace quoin
