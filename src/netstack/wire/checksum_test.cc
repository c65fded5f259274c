#include "netstack/wire/checksum.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::netstack {
namespace {

// RFC 1071 by the letter: 16-bit words in network order, carries added back at once.
std::uint16_t naive_checksum(Bytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += std::to_integer<std::uint32_t>(bytes[i]) << 8;
    if (i + 1 < bytes.size()) sum += std::to_integer<std::uint32_t>(bytes[i + 1]);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(~sum);
}

std::uint16_t checksum_of(Bytes bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return sum.checksum();
}

Buffer random_bytes(Random& random, std::size_t length) {
  Buffer bytes(length);
  random.fill(bytes);
  return bytes;
}

TEST(Checksum, of_the_example_in_rfc_1071) {
  EXPECT_EQ(checksum_of(from_hex("0001f203f4f5f6f7").value()), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Checksum, is_the_naive_one_for_every_length) {
  SeededRandom random(1);
  for (std::size_t length = 0; length < 300; length++) {
    const Buffer bytes = random_bytes(random, length);
    EXPECT_EQ(checksum_of(bytes), naive_checksum(bytes)) << length;
  }
}

TEST(Checksum, carries_all_the_way_when_every_bit_is_set) {
  for (const std::size_t length : {1u, 2u, 63u, 64u, 1280u, 65'535u}) {
    const Buffer bytes(length, std::byte{0xff});
    EXPECT_EQ(checksum_of(bytes), naive_checksum(bytes)) << length;
  }
}

TEST(Checksum, goes_on_over_spans_that_split_anywhere) {
  SeededRandom random(2);
  for (int round = 0; round < 500; round++) {
    const Buffer bytes = random_bytes(random, random.below(200));
    const Bytes all = bytes;
    const std::size_t first = random.below(all.size() + 1);
    const std::size_t second = first + random.below(all.size() - first + 1);
    ChecksumSum sum;
    sum.add(all.first(first));
    sum.add(all.subspan(first, second - first));
    sum.add(all.subspan(second));
    ASSERT_EQ(sum.checksum(), naive_checksum(all)) << all.size() << " " << first << " " << second;

    ChecksumSum front, back;
    front.add(all.first(first));
    back.add(all.subspan(first));
    front.add(back);
    ASSERT_EQ(front.checksum(), naive_checksum(all));
  }
}

TEST(Checksum, copies_and_sums_in_one_pass) {
  SeededRandom random(3);
  for (int round = 0; round < 500; round++) {
    const Buffer from = random_bytes(random, random.below(300));
    const std::size_t first = random.below(from.size() + 1);
    Buffer to(from.size() + 1, std::byte{0x5a});
    ChecksumSum sum;
    sum.copy(MutableBytes(to).first(first), Bytes(from).first(first));
    sum.copy(MutableBytes(to).subspan(first), Bytes(from).subspan(first));
    ASSERT_TRUE(equal(Bytes(to).first(from.size()), from));
    ASSERT_EQ(to.back(), std::byte{0x5a});
    ASSERT_EQ(sum.checksum(), naive_checksum(from));
  }
}

TEST(Checksum, of_numbers_is_that_of_their_bytes) {
  ChecksumSum sum;
  sum.add_u16(0x1234);
  sum.add_u32(0x89ab'cdef);
  EXPECT_EQ(sum.checksum(), naive_checksum(from_hex("123489abcdef").value()));
}

TEST(Checksum, is_updated_for_one_changed_word) {
  SeededRandom random(4);
  for (int round = 0; round < 2'000; round++) {
    Buffer bytes = random_bytes(random, 20);
    bytes[0] = std::byte{0x45};  // a header is never all zeros, where the two zeros of this arithmetic would part
    const std::uint16_t before = naive_checksum(bytes);
    const std::size_t at = 2 + 2 * random.below(9);
    const std::uint16_t old_word = Reader(Bytes(bytes).subspan(at)).u16();
    const std::uint16_t new_word = round % 5 == 0 ? 0xffff : static_cast<std::uint16_t>(random.u32());
    Writer(MutableBytes(bytes).subspan(at)).u16(new_word);
    ASSERT_EQ(updated_checksum(before, old_word, new_word), naive_checksum(bytes));
  }
}

TEST(Checksum, verifies_what_includes_it) {
  Buffer header = from_hex("450000284e6840004001000064400001644000020800").value();
  header.resize(20);
  const std::uint16_t checksum = naive_checksum(header);
  Writer(MutableBytes(header).subspan(10)).u16(checksum);
  ChecksumSum sum;
  sum.add(header);
  EXPECT_TRUE(sum.verifies());
  header[3] ^= std::byte{1};
  ChecksumSum wrong;
  wrong.add(header);
  EXPECT_FALSE(wrong.verifies());
}

}  // namespace
}  // namespace quoin::netstack
