#include "crypto/keys.h"

#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "crypto/vectors_test.h"

namespace quoin::crypto {
namespace {

std::array<std::byte, 32> all(std::uint8_t value) {
  std::array<std::byte, 32> out;
  out.fill(std::byte{value});
  return out;
}

std::array<std::byte, 32> array_at(const boost::json::value& object, std::string_view name) {
  return Reader(bytes_at(object, name)).array<32>();
}

// The curve's own scalar rule (RFC 7748, section 5), which x25519() expects its caller's key type to have applied.
EphemeralPrivateKey clamped(const std::array<std::byte, 32>& bytes) {
  return EphemeralPrivateKey::from_bytes(bytes);
}

TEST(Keys, derive_the_public_keys_that_tailscale_derives) {
  const auto known = read_vectors("crypto/published.json").at("public_keys");
  EXPECT_EQ(to_hex(NodePrivateKey::from_bytes(all(0x11)).public_key().bytes()), text_at(known, "of_byte_11"));
  EXPECT_EQ(to_hex(MachinePrivateKey::from_bytes(all(0x22)).public_key().bytes()), text_at(known, "of_byte_22"));
  EXPECT_EQ(to_hex(DiscoPrivateKey::from_bytes(all(0x33)).public_key().bytes()), text_at(known, "of_byte_33"));
  EXPECT_EQ(to_hex(EphemeralPrivateKey::from_bytes(all(0x44)).public_key().bytes()), text_at(known, "of_byte_44"));
}

TEST(Keys, are_clamped_however_they_were_made) {
  SeededRandom random(1);
  const NodePrivateKey made = NodePrivateKey::generate(random);
  const NodePrivateKey given = NodePrivateKey::from_bytes(all(0xff));
  for (const Bytes bytes : {Bytes(made.secret_bytes()), Bytes(given.secret_bytes())}) {
    EXPECT_EQ(bytes[0] & std::byte{7}, std::byte{0});
    EXPECT_EQ(bytes[31] & std::byte{0xc0}, std::byte{0x40});
  }
}

TEST(Keys, have_one_text_form_and_read_either_case) {
  const NodePublicKey key = NodePrivateKey::from_bytes(all(0x11)).public_key();
  const std::string text = key.text();
  EXPECT_EQ(text, "nodekey:7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13");
  EXPECT_EQ(NodePublicKey::parse(text), key);
  std::string upper = text;
  for (std::size_t i = 8; i < upper.size(); i++) upper[i] = static_cast<char>(std::toupper(upper[i]));
  EXPECT_EQ(NodePublicKey::parse(upper), key);
  const auto zero = MachinePublicKey::parse("mkey:" + std::string(64, '0'));
  ASSERT_TRUE(zero);
  EXPECT_TRUE(zero->is_zero());
}

TEST(Keys, refuse_every_other_text) {
  const std::string digits(64, 'a');
  for (const std::string& wrong :
       {std::string(), std::string("nodekey:"), digits, "mkey:" + digits, "discokey:" + digits, "NODEKEY:" + digits,
        "nodekey:" + digits + "a", "nodekey:" + digits + "aa", "nodekey:" + digits.substr(2), " nodekey:" + digits,
        "nodekey:" + digits.substr(1) + "g", "nodekey:" + digits.substr(2) + "0x", "nodekey:" + digits + "\n"}) {
    EXPECT_FALSE(NodePublicKey::parse(wrong)) << wrong;
  }
}

TEST(Keys, keep_private_ones_from_being_copied_compared_or_printed) {
  static_assert(!std::is_copy_constructible_v<NodePrivateKey> && !std::is_copy_assignable_v<NodePrivateKey>);
  static_assert(!std::equality_comparable<NodePrivateKey>);
  static_assert(!std::is_convertible_v<MachinePublicKey, NodePublicKey>);
  NodePrivateKey from = NodePrivateKey::from_bytes(all(0x11));
  const NodePrivateKey to = std::move(from);
  EXPECT_EQ(to_hex(from.secret_bytes()), std::string(64, '0'));
  EXPECT_NE(to_hex(to.secret_bytes()), std::string(64, '0'));
}

TEST(X25519, agrees_with_rfc_7748) {
  const auto file = read_vectors("crypto/published.json");
  for (const auto& known : file.at("x25519").as_array()) {
    const auto shared = x25519(clamped(array_at(known, "scalar")).secret_bytes(), bytes_at(known, "point"));
    ASSERT_TRUE(shared);
    EXPECT_EQ(to_hex(shared->bytes()), text_at(known, "out")) << text_at(known, "source");
  }
}

TEST(X25519, agrees_with_rfc_7748_after_a_thousand_iterations) {
  const auto known = read_vectors("crypto/published.json").at("x25519_iterated");
  std::array<std::byte, 32> k{std::byte{9}};
  std::array<std::byte, 32> u = k;
  for (int i = 1; i <= 1000; i++) {
    const auto shared = x25519(clamped(k).secret_bytes(), u);
    ASSERT_TRUE(shared);
    u = k;
    k = Reader(shared->bytes()).array<32>();
    if (i == 1) {
      EXPECT_EQ(to_hex(k), text_at(known, "after_1"));
    }
  }
  EXPECT_EQ(to_hex(k), text_at(known, "after_1000"));
}

TEST(X25519, agrees_with_wycheproof_and_gives_nothing_for_a_zero_result) {
  const auto file = read_vectors("crypto/x25519_test.json");
  int agreed = 0, refused = 0;
  for (const auto& group : file.at("testGroups").as_array()) {
    for (const auto& known : group.at("tests").as_array()) {
      const std::string_view expected = text_at(known, "shared");
      const auto shared = x25519(clamped(array_at(known, "private")).secret_bytes(), bytes_at(known, "public"));
      if (expected == std::string(64, '0')) {
        EXPECT_FALSE(shared) << known.at("tcId");
        refused++;
      } else {
        ASSERT_TRUE(shared) << known.at("tcId");
        EXPECT_EQ(to_hex(shared->bytes()), expected) << known.at("tcId");
        agreed++;
      }
    }
  }
  EXPECT_EQ(agreed + refused, file.at("numberOfTests").as_int64());
  EXPECT_GE(refused, 30);
}

TEST(X25519, takes_only_32_bytes_of_each) {
  const auto key = clamped(all(0x11));
  const auto point = clamped(all(0x22)).public_key();
  EXPECT_TRUE(x25519(key.secret_bytes(), point.bytes()));
  EXPECT_FALSE(x25519(key.secret_bytes(), point.bytes().first(31)));
  EXPECT_FALSE(x25519(Bytes(key.secret_bytes()).first(31), point.bytes()));
  EXPECT_FALSE(x25519({}, {}));
}

TEST(EqualInConstantTime, compares_lengths_and_every_byte) {
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  const auto a = all(5);
  EXPECT_TRUE(equal_in_constant_time(a, all(5)));
  EXPECT_FALSE(equal_in_constant_time(a, Bytes(a).first(31)));
  for (std::size_t i = 0; i < a.size(); i++) {
    auto b = a;
    b[i] ^= std::byte{0x80};
    EXPECT_FALSE(equal_in_constant_time(a, b));
  }
}

}  // namespace
}  // namespace quoin::crypto
