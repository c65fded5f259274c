#include "crypto/hash.h"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "crypto/vectors_test.h"

namespace quoin::crypto {
namespace {

// Gives the bytes it was made with, once.
class GivenBytes final : public Random {
 public:
  explicit GivenBytes(Bytes bytes) : reader_(bytes) {}
  void fill(MutableBytes out) override { std::ranges::copy(reader_.take(out.size()), out.begin()); }

 private:
  Reader reader_;
};

TEST(Blake2s, agrees_with_rfc_7693) {
  const auto known = read_vectors("crypto/published.json").at("blake2s");
  EXPECT_EQ(to_hex(blake2s({bytes_at(known, "in")})), text_at(known, "out"));
}

TEST(Blake2s, agrees_with_its_authors_on_every_length_and_wherever_it_is_cut) {
  const auto file = read_vectors("crypto/blake2s_kat.json");
  const auto& vectors = file.at("vectors").as_array();
  EXPECT_EQ(vectors.size(), 256u);
  for (const auto& known : vectors) {
    const Buffer input = bytes_at(known, "in");
    EXPECT_EQ(to_hex(blake2s({input})), text_at(known, "out"));
    const std::size_t cut = input.size() / 3;
    EXPECT_EQ(to_hex(blake2s({Bytes(input).first(cut), {}, Bytes(input).subspan(cut)})), text_at(known, "out"));
  }
}

TEST(Blake2s, agrees_with_an_independent_implementation_when_keyed) {
  const auto file = read_vectors("crypto/blake2s_python.json");
  const auto& vectors = file.at("mac").as_array();
  for (const auto& known : vectors) {
    const Buffer input = bytes_at(known, "in");
    const std::size_t cut = input.size() / 2;
    EXPECT_EQ(to_hex(blake2s_mac(bytes_at(known, "key"), {Bytes(input).first(cut), Bytes(input).subspan(cut)})),
              text_at(known, "out"));
  }
  EXPECT_EQ(vectors.size(), 66u);
}

TEST(Blake2s, makes_the_mac1_of_a_wireguard_initiation) {
  const auto known = read_vectors("crypto/published.json").at("wireguard_mac1");
  const Hash key = blake2s({bytes_of("mac1----"), bytes_at(known, "responder")});
  EXPECT_EQ(to_hex(blake2s_mac(key, {bytes_at(known, "in")})), text_at(known, "out"));
}

TEST(HmacBlake2s, agrees_with_an_independent_implementation) {
  const auto file = read_vectors("crypto/blake2s_python.json");
  const auto& vectors = file.at("hmac").as_array();
  for (const auto& known : vectors) {
    EXPECT_EQ(to_hex(hmac_blake2s(bytes_at(known, "key"), {bytes_at(known, "in")}).bytes()), text_at(known, "out"));
  }
  EXPECT_EQ(vectors.size(), 63u);
}

TEST(HkdfBlake2s, agrees_with_an_independent_implementation_for_one_two_and_three_outputs) {
  const auto file = read_vectors("crypto/blake2s_python.json");
  for (const auto& known : file.at("hkdf").as_array()) {
    const Buffer chaining_key = bytes_at(known, "chaining_key");
    const Buffer input = bytes_at(known, "input");
    const auto& outputs = known.at("outputs").as_array();
    const auto one = hkdf_blake2s<1>(chaining_key, input);
    const auto two = hkdf_blake2s<2>(chaining_key, input);
    const auto three = hkdf_blake2s<3>(chaining_key, input);
    EXPECT_TRUE(equal(one[0].bytes(), bytes_in(outputs[0])));
    for (std::size_t i = 0; i < 2; i++) EXPECT_TRUE(equal(two[i].bytes(), bytes_in(outputs[i])));
    for (std::size_t i = 0; i < 3; i++) EXPECT_TRUE(equal(three[i].bytes(), bytes_in(outputs[i])));
  }
}

TEST(Sha256, agrees_with_fips_180) {
  const auto file = read_vectors("crypto/published.json");
  for (const auto& known : file.at("sha256").as_array()) {
    EXPECT_EQ(to_hex(sha256({bytes_at(known, "in")})), text_at(known, "out"));
  }
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(SipHash, agrees_with_its_paper_and_with_wycheproof) {
  const auto check = [](const boost::json::value& key, const boost::json::value& input, std::string_view out) {
    const Buffer key_bytes = bytes_in(key);
    GivenBytes random(key_bytes);
    std::array<std::byte, 8> tag;
    Writer(tag).u64(SipHash(random)(bytes_in(input)), Endian::little);
    return to_hex(tag) == out;
  };
  const auto paper = read_vectors("crypto/published.json").at("siphash");
  std::string little_endian = "e545be4961ca29a1";  // the paper prints the number a129ca6149be45e5
  EXPECT_TRUE(check(paper.at("key"), paper.at("in"), little_endian));
  int checked = 0;
  const auto file = read_vectors("crypto/siphash_2_4_test.json");
  for (const auto& group : file.at("testGroups").as_array()) {
    for (const auto& known : group.at("tests").as_array()) {
      const bool valid = text_at(known, "result") == "valid";
      EXPECT_EQ(check(known.at("key"), known.at("msg"), text_at(known, "tag")), valid) << known.at("tcId");
      checked++;
    }
  }
  EXPECT_EQ(checked, 40);
}

TEST(Hashes, of_one_thread_do_not_disturb_those_of_another) {
  const auto work = [](std::uint8_t byte, bool& right) {
    const std::array<std::byte, 100> input{std::byte{byte}};
    const Hash expected = blake2s({input});
    const auto expected_mac = blake2s_mac(expected, {input});
    right = true;
    for (int i = 0; i < 2000; i++) {
      right = right && blake2s({input}) == expected && blake2s_mac(expected, {input}) == expected_mac;
    }
  };
  bool first_right = false, second_right = false;
  std::thread first([&] { work(1, first_right); });
  std::thread second([&] { work(2, second_right); });
  first.join();
  second.join();
  EXPECT_TRUE(first_right);
  EXPECT_TRUE(second_right);
}

}  // namespace
}  // namespace quoin::crypto
