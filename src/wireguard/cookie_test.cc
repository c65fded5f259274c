#include "wireguard/cookie.h"

#include <gtest/gtest.h>

#include "crypto/vectors_test.h"

namespace quoin::wireguard {
namespace {

constexpr Instant start{hours(1)};

crypto::NodePublicKey public_key(std::uint8_t byte) {
  std::array<std::byte, 32> bytes;
  bytes.fill(static_cast<std::byte>(byte));
  return crypto::NodePrivateKey::from_bytes(bytes).public_key();
}

Source udp(const char* text) {
  return Source(Endpoint::parse(text).value());
}

Buffer initiation(std::uint8_t marker) {
  Buffer message(initiation_bytes);
  message[0] = std::byte{1};
  message[50] = static_cast<std::byte>(marker);
  return message;
}

class CookieTest : public ::testing::Test {
 protected:
  // Has the holder take a cookie for its last message.
  void fetch_cookie(const Source& from, Instant now) {
    Buffer message = initiation(1);
    holder.add_macs(message, now);
    const auto reply = CookieReply::parse(checker.reply(message, SessionIndex{9}, from, now));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->receiver, SessionIndex{9});
    ASSERT_TRUE(holder.consume_reply(*reply, now));
  }

  Buffer next(Instant now) {
    Buffer message = initiation(2);
    holder.add_macs(message, now);
    return message;
  }

  SeededRandom random{5};
  crypto::NodePublicKey receiver = public_key(0x33);
  CookieChecker checker{receiver, random};
  CookieHolder holder{receiver};
  Source here = udp("192.0.2.1:5000");
};

TEST_F(CookieTest, mac1_shows_that_the_receiver_is_meant) {
  EXPECT_TRUE(checker.mac1_valid(next(start)));
  EXPECT_FALSE(CookieChecker(public_key(0x44), random).mac1_valid(next(start)));
}

TEST_F(CookieTest, mac1_covers_every_bit_before_it) {
  const Buffer good = next(start);
  for (std::size_t bit = 0; bit < (initiation_bytes - mac_bytes) * 8; bit++) {
    Buffer bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_FALSE(checker.mac1_valid(bad)) << bit;
  }
}

TEST_F(CookieTest, mac2_is_zero_without_a_cookie) {
  EXPECT_TRUE(equal(mac2_of(next(start)), Buffer(mac_bytes)));
  EXPECT_FALSE(checker.mac2_valid(next(start), here, start));
}

TEST_F(CookieTest, a_cookie_makes_mac2_valid_from_the_same_source_only) {
  fetch_cookie(here, start);
  const Buffer message = next(start);
  EXPECT_TRUE(checker.mac1_valid(message));
  EXPECT_TRUE(checker.mac2_valid(message, here, start));
  EXPECT_FALSE(checker.mac2_valid(message, udp("192.0.2.1:5001"), start));
  EXPECT_FALSE(checker.mac2_valid(message, udp("192.0.2.2:5000"), start));
  EXPECT_FALSE(checker.mac2_valid(message, Source(RelayedNode{1, public_key(0x11)}), start));
}

TEST_F(CookieTest, mac2_covers_every_bit_before_it) {
  fetch_cookie(here, start);
  const Buffer good = next(start);
  for (std::size_t bit = 0; bit < initiation_bytes * 8; bit++) {
    Buffer bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_FALSE(checker.mac2_valid(bad, here, start)) << bit;
  }
}

TEST_F(CookieTest, works_for_relayed_nodes) {
  const Source relayed(RelayedNode{7, public_key(0x11)});
  fetch_cookie(relayed, start);
  EXPECT_TRUE(checker.mac2_valid(next(start), relayed, start));
  EXPECT_FALSE(checker.mac2_valid(next(start), Source(RelayedNode{8, public_key(0x11)}), start));
  EXPECT_FALSE(checker.mac2_valid(next(start), Source(RelayedNode{7, public_key(0x12)}), start));
}

TEST_F(CookieTest, the_secret_changes_every_120_seconds) {
  fetch_cookie(here, start);
  const Buffer message = next(start);
  EXPECT_TRUE(checker.mac2_valid(message, here, start + seconds(120) - nanoseconds(1)));
  EXPECT_FALSE(checker.mac2_valid(message, here, start + seconds(120)));
}

TEST_F(CookieTest, a_cookie_is_used_for_115_seconds) {
  fetch_cookie(here, start);
  EXPECT_FALSE(equal(mac2_of(next(start + seconds(115) - nanoseconds(1))), Buffer(mac_bytes)));
  EXPECT_TRUE(equal(mac2_of(next(start + seconds(115))), Buffer(mac_bytes)));
  EXPECT_TRUE(equal(mac2_of(next(start)), Buffer(mac_bytes))) << "and then it is gone";
}

TEST_F(CookieTest, a_reply_is_taken_once_and_only_for_the_last_message) {
  Buffer first = initiation(1);
  holder.add_macs(first, start);
  const auto for_first = CookieReply::parse(checker.reply(first, SessionIndex{9}, here, start));
  Buffer second = initiation(2);
  holder.add_macs(second, start);
  EXPECT_FALSE(holder.consume_reply(*for_first, start));
  const auto for_second = CookieReply::parse(checker.reply(second, SessionIndex{9}, here, start));
  EXPECT_TRUE(holder.consume_reply(*for_second, start));
  EXPECT_FALSE(holder.consume_reply(*for_second, start));
}

TEST_F(CookieTest, a_reply_of_another_or_with_a_flipped_bit_is_refused) {
  Buffer message = initiation(1);
  holder.add_macs(message, start);
  CookieChecker other(public_key(0x44), random);
  EXPECT_FALSE(holder.consume_reply(*CookieReply::parse(other.reply(message, SessionIndex{9}, here, start)), start));
  const auto good = checker.reply(message, SessionIndex{9}, here, start);
  for (std::size_t bit = 8 * 8; bit < good.size() * 8; bit++) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_FALSE(holder.consume_reply(*CookieReply::parse(bad), start)) << bit;
  }
  EXPECT_TRUE(holder.consume_reply(*CookieReply::parse(good), start));
}

TEST_F(CookieTest, agrees_with_another_implementation) {
  const auto vectors = crypto::read_vectors("wireguard/preshared_and_cookie.json");
  Buffer first = crypto::bytes_at(vectors, "initiation");
  holder.add_macs(first, start);
  EXPECT_EQ(to_hex(first), crypto::text_at(vectors, "initiation"));
  ASSERT_TRUE(holder.consume_reply(*CookieReply::parse(crypto::bytes_at(vectors, "cookie_reply")), start));
  Buffer second = crypto::bytes_at(vectors, "next_initiation_with_mac2");
  std::fill(second.end() - 2 * mac_bytes, second.end(), std::byte{0});
  holder.add_macs(second, start);
  EXPECT_EQ(to_hex(second), crypto::text_at(vectors, "next_initiation_with_mac2"));
}

}  // namespace
}  // namespace quoin::wireguard
