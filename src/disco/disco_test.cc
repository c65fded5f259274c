#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "disco/envelope.h"
#include "disco/message.h"
#include "vectors/folder.h"

namespace quoin::disco {
namespace {

// Lines of "name = hex"; lines that begin with # say what they are.
std::map<std::string, Buffer> read_vector(const std::string& file) {
  std::map<std::string, Buffer> out;
  std::ifstream in(vectors::path_of("disco/" + file));
  for (std::string line; std::getline(in, line);) {
    const std::size_t middle = line.find(" = ");
    if (line.starts_with('#') || middle == std::string::npos) continue;
    out[line.substr(0, middle)] = from_hex(line.substr(middle + 3)).value();
  }
  return out;
}

crypto::DiscoPrivateKey private_key(const Buffer& bytes) {
  return crypto::DiscoPrivateKey::from_bytes(Reader(bytes).array<32>());
}

Buffer payload(std::string_view hex) {
  return from_hex(hex).value();
}

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

TEST(DiscoEnvelope, seals_and_opens_the_published_ping) {
  auto vector = read_vector("ping.txt");
  ASSERT_FALSE(vector.empty());
  const auto a = private_key(vector["a_private"]);
  const auto b = private_key(vector["b_private"]);
  EXPECT_EQ(to_hex(a.public_key().bytes()), to_hex(vector["a_public"]));
  EXPECT_EQ(to_hex(b.public_key().bytes()), to_hex(vector["b_public"]));
  const Ping ping{.transaction = Reader(vector["transaction"]).array<12>(),
                  .node_key = crypto::NodePublicKey::from_bytes(vector["node_key"])};

  const auto from_a = crypto::BoxKey::between(a.secret_bytes(), b.public_key().bytes());
  const auto nonce = Reader(vector["nonce"]).array<24>();
  EXPECT_EQ(to_hex(seal(a.public_key(), *from_a, encode(ping), nonce)), to_hex(vector["datagram"]));

  ASSERT_TRUE(looks_like_disco(vector["datagram"]));
  const auto envelope = parse_envelope(vector["datagram"]);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->sender, a.public_key());
  const auto at_b = crypto::BoxKey::between(b.secret_bytes(), envelope->sender.bytes());
  const auto opened = at_b->open(envelope->box);
  ASSERT_TRUE(opened);
  EXPECT_EQ(parse(*opened), Message(ping));
}

TEST(DiscoEnvelope, a_changed_byte_anywhere_in_the_box_does_not_open) {
  auto vector = read_vector("ping.txt");
  const auto b = private_key(vector["b_private"]);
  const auto key = crypto::BoxKey::between(b.secret_bytes(), vector["a_public"]);
  for (std::size_t i = 38; i < vector["datagram"].size(); i++) {
    Buffer changed = vector["datagram"];
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(key->open(parse_envelope(changed)->box)) << i;
  }
}

TEST(DiscoEnvelope, wants_the_magic_and_room_for_key_and_nonce) {
  Buffer datagram(envelope_bytes_min);
  std::copy(magic.begin(), magic.end(), datagram.begin());
  EXPECT_TRUE(looks_like_disco(datagram));
  EXPECT_TRUE(parse_envelope(datagram));

  EXPECT_FALSE(looks_like_disco(Bytes(datagram).first(envelope_bytes_min - 1)));
  EXPECT_FALSE(parse_envelope(Bytes(datagram).first(envelope_bytes_min - 1)));
  for (std::size_t i = 0; i < magic.size(); i++) {
    Buffer other = datagram;
    other[i] ^= std::byte{0x20};
    EXPECT_FALSE(looks_like_disco(other)) << i;
  }
}

TEST(DiscoEnvelope, does_not_take_a_datagram_beyond_its_bound) {
  Buffer datagram(envelope_bytes_max);
  std::copy(magic.begin(), magic.end(), datagram.begin());
  EXPECT_TRUE(parse_envelope(datagram));
  datagram.push_back(std::byte{0});
  EXPECT_FALSE(parse_envelope(datagram));
}

TEST(DiscoMessage, writes_each_message_as_drawn) {
  const Transaction transaction = Reader(payload("000102030405060708090a0b")).array<12>();
  EXPECT_EQ(to_hex(encode(Ping{.transaction = transaction, .node_key = std::nullopt})), "0100000102030405060708090a0b");
  EXPECT_EQ(to_hex(encode(Pong{.transaction = transaction, .source = endpoint("192.0.2.1:4660")})),
            "0200000102030405060708090a0b00000000000000000000ffffc00002011234");
  EXPECT_EQ(to_hex(encode(CallMeMaybe{{endpoint("192.0.2.1:1"), endpoint("[2001:db8::7]:65535")}})),
            "030000000000000000000000ffffc0000201000120010db8000000000000000000000007ffff");
}

TEST(DiscoMessage, reads_what_it_writes) {
  const Ping ping{.transaction = {std::byte{7}}, .node_key = crypto::NodePublicKey({std::byte{9}})};
  const Pong pong{.transaction = {std::byte{8}}, .source = endpoint("[2001:db8::1]:41641")};
  const CallMeMaybe call{{endpoint("198.51.100.9:1"), endpoint("[2001:db8::2]:2")}};
  EXPECT_EQ(parse(encode(ping)), Message(ping));
  EXPECT_EQ(parse(encode(pong)), Message(pong));
  EXPECT_EQ(parse(encode(call)), Message(call));
}

TEST(DiscoMessage, takes_a_ping_without_node_key_and_one_with_padding) {
  Buffer bare = payload("0100000102030405060708090a0b");
  ASSERT_TRUE(parse(bare));
  EXPECT_FALSE(std::get<Ping>(*parse(bare)).node_key);

  const Ping large{.transaction = {}, .node_key = crypto::NodePublicKey({std::byte{9}}), .padding_bytes = 1188};
  EXPECT_EQ(envelope_bytes_min + 16 + encode(large).size(), 1312u);
  EXPECT_EQ(std::get<Ping>(*parse(encode(large))), large);
  Buffer padded = encode(Ping{.transaction = {}, .node_key = crypto::NodePublicKey({std::byte{9}})});
  padded.resize(padded.size() + 1100);
  EXPECT_EQ(std::get<Ping>(*parse(padded)).node_key, crypto::NodePublicKey({std::byte{9}}));
}

TEST(DiscoMessage, refuses_bodies_that_are_too_short) {
  for (const std::string_view hex : {"", "01", "0100", "01000102030405060708090a0b", "0200000102030405060708090a0b",
                                     "0200000102030405060708090a0b00000000000000000000ffffc0000201aa"}) {
    EXPECT_EQ(parse(payload(hex)), failure(ParseError::truncated)) << hex;
  }
  EXPECT_EQ(parse(payload("0300aa")), failure(ParseError::uneven));
}

TEST(DiscoMessage, recognises_and_ignores_relay_messages_unknown_types_and_other_versions) {
  for (const std::uint8_t type : {4, 5, 6, 7, 8, 9, 0, 10, 255}) {
    const Buffer bytes = {std::byte{type}, std::byte{0}, std::byte{1}};
    EXPECT_EQ(parse(bytes), Message(Ignored{type}));
  }
  EXPECT_EQ(parse(payload("0101")), Message(Ignored{1}));
}

TEST(DiscoMessage, reads_no_more_endpoints_than_its_bound) {
  Buffer bytes = payload("0300");
  bytes.resize(2 + 18 * 3000);
  EXPECT_EQ(std::get<CallMeMaybe>(*parse(bytes)).endpoints.size(), call_me_maybe_endpoints_max);
  EXPECT_EQ(encode(CallMeMaybe{std::vector<Endpoint>(3000)}).size(), 2 + 18 * call_me_maybe_endpoints_max);
}

TEST(DiscoMessage, names_a_relay_by_the_address_that_other_nodes_use) {
  EXPECT_EQ(relay_pseudo_endpoint(7).text(), "127.3.3.40:7");
}

}  // namespace
}  // namespace quoin::disco
