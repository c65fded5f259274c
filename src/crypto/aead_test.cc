#include "crypto/aead.h"

#include <gtest/gtest.h>

#include "crypto/vectors_test.h"

namespace quoin::crypto {
namespace {

AeadKey key_of(Bytes bytes) {
  return AeadKey(Secret<32>(Reader(bytes).array<32>()));
}

Buffer with_room(Bytes plain) {
  Buffer text = to_buffer(plain);
  text.resize(text.size() + aead_tag_bytes);
  return text;
}

std::vector<AeadBackEnd> back_ends() {
  std::vector<AeadBackEnd> out{AeadBackEnd::libsodium};
  if (aead_back_end_available(AeadBackEnd::ipsec_mb)) out.push_back(AeadBackEnd::ipsec_mb);
  return out;
}

TEST(Aead, seals_and_opens_the_example_of_rfc_8439) {
  const auto known = read_vectors("crypto/published.json").at("chacha20_poly1305");
  const AeadKey key = key_of(bytes_at(known, "key"));
  const AeadNonce nonce = Reader(bytes_at(known, "nonce")).array<12>();
  Buffer text = with_room(bytes_at(known, "plain"));
  aead_seal(key, nonce, bytes_at(known, "associated"), text);
  EXPECT_EQ(to_hex(text), text_at(known, "sealed"));
  ASSERT_TRUE(aead_open(key, nonce, bytes_at(known, "associated"), text));
  text.resize(text.size() - aead_tag_bytes);
  EXPECT_EQ(to_hex(text), text_at(known, "plain"));
}

TEST(Aead, agrees_with_wycheproof_on_every_back_end) {
  const auto file = read_vectors("crypto/chacha20_poly1305_test.json");
  for (const AeadBackEnd back_end : back_ends()) {
    int valid = 0, invalid = 0, other_nonces = 0;
    for (const auto& group : file.at("testGroups").as_array()) {
      for (const auto& known : group.at("tests").as_array()) {
        const Buffer nonce = bytes_at(known, "iv");
        if (nonce.size() != 12) {  // our nonce type admits no other length
          EXPECT_EQ(text_at(known, "result"), "invalid");
          other_nonces++;
          continue;
        }
        const AeadKey key = key_of(bytes_at(known, "key"));
        const Buffer associated = bytes_at(known, "aad");
        Buffer sealed = bytes_at(known, "ct");
        append(sealed, bytes_at(known, "tag"));
        const Buffer as_given = sealed;
        AeadJob job{.text = sealed, .nonce = Reader(nonce).array<12>(), .associated = associated};
        aead_open_with(back_end, key, std::span(&job, 1));
        if (text_at(known, "result") != "valid") {
          EXPECT_FALSE(job.opened) << known.at("tcId");
          invalid++;
          continue;
        }
        ASSERT_TRUE(job.opened) << known.at("tcId");
        sealed.resize(sealed.size() - aead_tag_bytes);
        EXPECT_EQ(to_hex(sealed), text_at(known, "msg")) << known.at("tcId");

        Buffer again = with_room(bytes_at(known, "msg"));
        AeadJob seal{.text = again, .nonce = Reader(nonce).array<12>(), .associated = associated};
        aead_seal_with(back_end, key, std::span(&seal, 1));
        EXPECT_TRUE(equal(again, as_given)) << known.at("tcId");
        valid++;
      }
    }
    EXPECT_EQ(valid + invalid + other_nonces, file.at("numberOfTests").as_int64());
    EXPECT_GT(valid, 200);
    EXPECT_GT(invalid, 30);
  }
}

TEST(XChaCha, agrees_with_wycheproof) {
  const auto file = read_vectors("crypto/xchacha20_poly1305_test.json");
  int valid = 0, invalid = 0, other_nonces = 0;
  for (const auto& group : file.at("testGroups").as_array()) {
    for (const auto& known : group.at("tests").as_array()) {
      const Buffer nonce_bytes = bytes_at(known, "iv");
      if (nonce_bytes.size() != 24) {
        other_nonces++;
        continue;
      }
      const auto nonce = Reader(nonce_bytes).array<24>();
      const AeadKey key = key_of(bytes_at(known, "key"));
      const Buffer associated = bytes_at(known, "aad");
      Buffer sealed = bytes_at(known, "ct");
      append(sealed, bytes_at(known, "tag"));
      const Buffer as_given = sealed;
      const bool opened = xchacha_open(key, nonce, associated, sealed);
      ASSERT_EQ(opened, text_at(known, "result") == "valid") << known.at("tcId");
      if (!opened) {
        invalid++;
        continue;
      }
      sealed.resize(sealed.size() - aead_tag_bytes);
      EXPECT_EQ(to_hex(sealed), text_at(known, "msg")) << known.at("tcId");
      Buffer again = with_room(sealed);
      xchacha_seal(key, nonce, associated, again);
      EXPECT_TRUE(equal(again, as_given)) << known.at("tcId");
      valid++;
    }
  }
  EXPECT_EQ(valid + invalid + other_nonces, file.at("numberOfTests").as_int64());
  EXPECT_GT(valid, 200);
  EXPECT_GT(invalid, 30);
}

TEST(Aead, refuses_a_text_too_short_for_a_tag) {
  const AeadKey key = key_of(Buffer(32));
  for (std::size_t length = 0; length < aead_tag_bytes; length++) {
    Buffer text(length);
    EXPECT_FALSE(aead_open(key, counter_nonce(0, Endian::little), {}, text));
    EXPECT_FALSE(xchacha_open(key, std::array<std::byte, 24>{}, {}, text));
  }
}

TEST(Aead, puts_the_counter_after_four_zero_bytes_in_either_order) {
  EXPECT_EQ(to_hex(counter_nonce(0x0102030405060708, Endian::little)), "000000000807060504030201");
  EXPECT_EQ(to_hex(counter_nonce(0x0102030405060708, Endian::big)), "000000000102030405060708");
}

TEST(Aead, uses_the_back_end_that_was_chosen) {
  const AeadBackEnd first = aead_back_end();
  EXPECT_TRUE(aead_back_end_available(first));
  ASSERT_TRUE(choose_aead_back_end(AeadBackEnd::libsodium));
  EXPECT_EQ(aead_back_end(), AeadBackEnd::libsodium);
  EXPECT_EQ(choose_aead_back_end(AeadBackEnd::ipsec_mb), aead_back_end_available(AeadBackEnd::ipsec_mb));
  EXPECT_TRUE(choose_aead_back_end(first));
  EXPECT_EQ(aead_back_end(), first);
}

}  // namespace
}  // namespace quoin::crypto
