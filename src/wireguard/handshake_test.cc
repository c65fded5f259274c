#include "wireguard/handshake.h"

#include <gtest/gtest.h>

#include "crypto/vectors_test.h"
#include "wireguard/cookie.h"

namespace quoin::wireguard {
namespace {

constexpr Instant start{hours(1)};

// Two ends of a handshake with the keys, indices and timestamp of a vector file.
struct Ends {
  explicit Ends(const boost::json::value& vectors)
      : initiator(crypto::NodePrivateKey::from_bytes(crypto::repeated_byte_at(vectors, "initiator_static"))),
        responder(crypto::NodePrivateKey::from_bytes(crypto::repeated_byte_at(vectors, "responder_static"))),
        to_responder(*RemoteIdentity::make(initiator, responder.public_key)),
        to_initiator(*RemoteIdentity::make(responder, initiator.public_key)),
        initiator_ephemeral(
            crypto::EphemeralPrivateKey::from_bytes(crypto::repeated_byte_at(vectors, "initiator_ephemeral"))),
        responder_ephemeral(
            crypto::EphemeralPrivateKey::from_bytes(crypto::repeated_byte_at(vectors, "responder_ephemeral"))),
        initiator_index{Reader(crypto::bytes_at(vectors, "initiator_index")).u32()},
        responder_index{Reader(crypto::bytes_at(vectors, "responder_index")).u32()},
        timestamp(Reader(crypto::bytes_at(vectors, "timestamp")).array<12>()) {}

  CreatedInitiation initiate() const {
    return *create_initiation(initiator, to_responder, initiator_index, timestamp, initiator_ephemeral.copy());
  }

  LocalIdentity initiator;
  LocalIdentity responder;
  RemoteIdentity to_responder;
  RemoteIdentity to_initiator;
  crypto::EphemeralPrivateKey initiator_ephemeral;
  crypto::EphemeralPrivateKey responder_ephemeral;
  SessionIndex initiator_index;
  SessionIndex responder_index;
  Tai64n timestamp;
};

template <std::size_t N>
std::string with_macs(const std::array<std::byte, N>& message, const crypto::NodePublicKey& receiver) {
  Buffer whole = to_buffer(message);
  CookieHolder(receiver).add_macs(whole, start);
  return to_hex(whole);
}

std::string sealed(const crypto::AeadKey& key, SessionIndex receiver, std::uint64_t counter, Bytes plain) {
  Buffer message(transport_header_bytes + plain.size() + crypto::aead_tag_bytes);
  TransportHeader{receiver, counter}.write(message);
  std::copy(plain.begin(), plain.end(), message.begin() + transport_header_bytes);
  crypto::aead_seal(key, crypto::counter_nonce(counter, Endian::little), {},
                    MutableBytes(message).subspan(transport_header_bytes));
  return to_hex(message);
}

TEST(Handshake, writes_the_known_messages_and_data) {
  const auto vectors = crypto::read_vectors("wireguard/handshake.json");
  const Ends ends(vectors);
  const CreatedInitiation initiation = ends.initiate();
  EXPECT_EQ(with_macs(initiation.message, ends.responder.public_key), crypto::text_at(vectors, "initiation"));

  const auto message = Initiation::parse(initiation.message);
  auto received = open_initiation(ends.responder, *message);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->static_key, ends.initiator.public_key);
  EXPECT_EQ(authenticate_initiation(*received, ends.to_initiator, *message), ends.timestamp);
  const auto response = create_response(*received, ends.to_initiator, ends.responder_index, ends.responder_ephemeral);
  ASSERT_TRUE(response);
  EXPECT_EQ(with_macs(response->message, ends.initiator.public_key), crypto::text_at(vectors, "response"));

  const auto keys =
      consume_response(initiation.state, ends.initiator, ends.to_responder, *Response::parse(response->message));
  ASSERT_TRUE(keys);
  EXPECT_TRUE(equal(keys->send.bytes(), response->keys.receive.bytes()));
  EXPECT_TRUE(equal(keys->receive.bytes(), response->keys.send.bytes()));
  EXPECT_FALSE(equal(keys->receive.bytes(), keys->send.bytes()));
  EXPECT_EQ(sealed(keys->send, ends.responder_index, 0, crypto::bytes_at(vectors, "plain")),
            crypto::text_at(vectors, "initiator_data"));
}

TEST(Handshake, agrees_with_another_implementation_on_preshared_keys_counters_and_both_directions) {
  const auto vectors = crypto::read_vectors("wireguard/preshared_and_cookie.json");
  Ends ends(vectors);
  const auto preshared = Reader(crypto::bytes_at(vectors, "preshared")).array<32>();
  ends.to_responder.preshared = Secret<32>(preshared);
  ends.to_initiator.preshared = Secret<32>(preshared);
  const CreatedInitiation initiation = ends.initiate();
  EXPECT_EQ(with_macs(initiation.message, ends.responder.public_key), crypto::text_at(vectors, "initiation"));
  const auto response = Response::parse(crypto::bytes_at(vectors, "response"));
  ASSERT_TRUE(response);
  const auto keys = consume_response(initiation.state, ends.initiator, ends.to_responder, *response);
  ASSERT_TRUE(keys);

  const Buffer plain = crypto::bytes_at(vectors, "plain");
  EXPECT_EQ(sealed(keys->send, ends.responder_index, 0, plain), crypto::text_at(vectors, "initiator_data_0"));
  EXPECT_EQ(sealed(keys->send, ends.responder_index, 0x0102030405060708, plain),
            crypto::text_at(vectors, "initiator_data_0102030405060708"));
  EXPECT_EQ(sealed(keys->receive, ends.initiator_index, 0, plain), crypto::text_at(vectors, "responder_data_0"));
  EXPECT_EQ(sealed(keys->receive, ends.initiator_index, 1, {}), crypto::text_at(vectors, "responder_keepalive_1"));
}

TEST(Handshake, fails_with_different_preshared_keys) {
  const auto vectors = crypto::read_vectors("wireguard/preshared_and_cookie.json");
  const Ends ends(vectors);
  const auto result = consume_response(ends.initiate().state, ends.initiator, ends.to_responder,
                                       *Response::parse(crypto::bytes_at(vectors, "response")));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), HandshakeError::not_authentic);
}

TEST(Handshake, refuses_every_flipped_bit_of_an_initiation) {
  const auto vectors = crypto::read_vectors("wireguard/handshake.json");
  const Ends ends(vectors);
  const Buffer good = crypto::bytes_at(vectors, "initiation");
  for (std::size_t bit = 8 * 8; bit < 116 * 8; bit += 5) {  // from the ephemeral key to mac1
    Buffer bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    if (bit == 39 * 8 + 7) continue;  // X25519 ignores the topmost bit, but the hash does not: covered by any other
    const auto message = Initiation::parse(bad);
    auto received = open_initiation(ends.responder, *message);
    if (!received) continue;
    EXPECT_FALSE(authenticate_initiation(*received, ends.to_initiator, *message)) << "bit " << bit;
  }
}

TEST(Handshake, refuses_every_flipped_bit_of_a_response_and_then_takes_the_true_one) {
  const auto vectors = crypto::read_vectors("wireguard/handshake.json");
  const Ends ends(vectors);
  const CreatedInitiation initiation = ends.initiate();
  const Buffer good = crypto::bytes_at(vectors, "response");
  for (std::size_t bit = 12 * 8; bit < 60 * 8; bit++) {
    Buffer bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_FALSE(consume_response(initiation.state, ends.initiator, ends.to_responder, *Response::parse(bad)))
        << "bit " << bit;
  }
  EXPECT_TRUE(consume_response(initiation.state, ends.initiator, ends.to_responder, *Response::parse(good)));
}

// The points of small order on the curve and its twist, which make every shared secret zero.
const char* const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

TEST(Handshake, refuses_keys_of_low_order_everywhere) {
  const auto vectors = crypto::read_vectors("wireguard/handshake.json");
  const Ends ends(vectors);
  for (const char* text : low_order) {
    const auto point = Reader(from_hex(text).value()).array<32>();
    const auto remote = RemoteIdentity::make(ends.initiator, crypto::NodePublicKey(point));
    ASSERT_FALSE(remote) << text;
    EXPECT_EQ(remote.error(), HandshakeError::low_order_key);

    auto initiation = *Initiation::parse(crypto::bytes_at(vectors, "initiation"));
    initiation.ephemeral = point;
    const auto opened = open_initiation(ends.responder, initiation);
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error(), HandshakeError::low_order_key);

    auto response = *Response::parse(crypto::bytes_at(vectors, "response"));
    response.ephemeral = point;
    const auto consumed = consume_response(ends.initiate().state, ends.initiator, ends.to_responder, response);
    ASSERT_FALSE(consumed) << text;
    EXPECT_EQ(consumed.error(), HandshakeError::low_order_key);
  }
}

TEST(Handshake, tells_a_claimed_static_key_from_a_proved_one) {
  // An impostor knows the initiator's public key, but not the private one: the first step takes the claim, the second
  // refuses it.
  const auto vectors = crypto::read_vectors("wireguard/handshake.json");
  const Ends ends(vectors);
  std::array<std::byte, 32> other;
  other.fill(std::byte{0x55});
  LocalIdentity impostor(crypto::NodePrivateKey::from_bytes(other));
  const auto to_responder = RemoteIdentity::make(impostor, ends.responder.public_key);
  impostor.public_key = ends.initiator.public_key;
  const auto created =
      create_initiation(impostor, *to_responder, SessionIndex{5}, ends.timestamp, ends.initiator_ephemeral.copy());
  const auto message = Initiation::parse(created->message);
  auto received = open_initiation(ends.responder, *message);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->static_key, ends.initiator.public_key);
  const auto timestamp = authenticate_initiation(*received, ends.to_initiator, *message);
  ASSERT_FALSE(timestamp);
  EXPECT_EQ(timestamp.error(), HandshakeError::not_authentic);
}

}  // namespace
}  // namespace quoin::wireguard
