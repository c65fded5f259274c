#include "crypto/box.h"

#include <gtest/gtest.h>

#include "crypto/keys.h"
#include "crypto/vectors_test.h"

namespace quoin::crypto {
namespace {

TEST(Box, seals_the_example_of_the_nacl_paper) {
  const auto known = read_vectors("crypto/published.json").at("box");
  const auto key = BoxKey::between(bytes_at(known, "private"), bytes_at(known, "public"));
  ASSERT_TRUE(key);
  const auto nonce = Reader(bytes_at(known, "nonce")).array<24>();
  const Buffer sealed = key->seal(bytes_at(known, "plain"), nonce);
  EXPECT_EQ(to_hex(sealed), std::string(text_at(known, "nonce")) + std::string(text_at(known, "tag_and_sealed")));
  const auto opened = key->open(sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(to_hex(*opened), text_at(known, "plain"));
}

TEST(Box, seals_what_tailscale_seals_between_two_disco_keys) {
  const auto known = read_vectors("crypto/published.json").at("box_between");
  const auto mine = DiscoPrivateKey::from_bytes(repeated_byte_at(known, "private_byte"));
  const auto key = BoxKey::between(mine.secret_bytes(), bytes_at(known, "public"));
  ASSERT_TRUE(key);
  const Buffer sealed = key->seal(bytes_at(known, "plain"), Reader(bytes_at(known, "nonce")).array<24>());
  EXPECT_EQ(to_hex(sealed), std::string(text_at(known, "nonce")) + std::string(text_at(known, "tag_and_sealed")));
}

TEST(Box, opens_from_the_other_side_and_takes_a_fresh_nonce_each_time) {
  SeededRandom random(1);
  const auto a = NodePrivateKey::generate(random);
  const auto b = NodePrivateKey::generate(random);
  const auto a_to_b = BoxKey::between(a.secret_bytes(), b.public_key().bytes());
  const auto b_to_a = BoxKey::between(b.secret_bytes(), a.public_key().bytes());
  ASSERT_TRUE(a_to_b && b_to_a);
  for (const std::size_t length : {0, 1, 16, 1000}) {
    const Buffer plain(length, std::byte{7});
    const Buffer first = a_to_b->seal(plain, random);
    const Buffer second = a_to_b->seal(plain, random);
    EXPECT_FALSE(equal(Bytes(first).first(24), Bytes(second).first(24)));
    EXPECT_EQ(b_to_a->open(first), plain);
    EXPECT_EQ(b_to_a->open(second), plain);
    EXPECT_EQ(b_to_a->copy().open(first), plain);
  }
}

TEST(Box, refuses_every_changed_byte_and_every_cut) {
  SeededRandom random(2);
  const auto a = NodePrivateKey::generate(random);
  const auto key = BoxKey::between(a.secret_bytes(), NodePrivateKey::generate(random).public_key().bytes());
  ASSERT_TRUE(key);
  const Buffer sealed = key->seal(bytes_of("what only two may read"), random);
  ASSERT_TRUE(key->open(sealed));
  for (std::size_t i = 0; i < sealed.size(); i++) {
    Buffer changed = sealed;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(key->open(changed)) << i;
    EXPECT_FALSE(key->open(Bytes(sealed).first(i))) << i;
  }
}

TEST(Box, is_not_made_with_a_low_order_or_misshapen_key) {
  SeededRandom random(3);
  const auto mine = NodePrivateKey::generate(random);
  const Buffer zero(32);
  const Buffer order_8 = *from_hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
  EXPECT_FALSE(BoxKey::between(mine.secret_bytes(), zero));
  EXPECT_FALSE(BoxKey::between(mine.secret_bytes(), order_8));
  EXPECT_FALSE(BoxKey::between(mine.secret_bytes(), Bytes(order_8).first(31)));
  EXPECT_FALSE(BoxKey::between(Bytes(zero).first(31), order_8));
}

}  // namespace
}  // namespace quoin::crypto
