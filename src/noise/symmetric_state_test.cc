// Noise_IK and Noise_IKpsk2 put together from the symmetric state, against vectors of two other implementations.
#include "noise/symmetric_state.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "crypto/keys.h"
#include "crypto/vectors_test.h"

namespace quoin::noise {
namespace {

using crypto::bytes_at;
using crypto::read_vectors;
using crypto::text_at;

constexpr std::string_view ik = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view ikpsk2 = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

crypto::EphemeralPrivateKey key_at(const boost::json::value& known, std::string_view name) {
  return crypto::EphemeralPrivateKey::from_bytes(Reader(bytes_at(known, name)).array<32>());
}

// What both sides of one handshake know from the start, each from its own point of view.
struct Side {
  SymmetricState state;
  crypto::EphemeralPrivateKey own_static;
  crypto::EphemeralPrivateKey ephemeral;
  std::optional<Buffer> psk;
};

Side side_of(const boost::json::value& known, std::string_view role, Bytes responder_static) {
  const std::string name(role);
  Side side{.state = SymmetricState(text_at(known, "protocol_name")),
            .own_static = key_at(known, name + "_static"),
            .ephemeral = key_at(known, name + "_ephemeral"),
            .psk = std::nullopt};
  side.state.mix_hash(bytes_at(known, name + "_prologue"));
  side.state.mix_hash(responder_static);
  if (text_at(known, "protocol_name") == ikpsk2) {
    side.psk = crypto::bytes_in(known.at(name + "_psks").at(0));
  }
  return side;
}

void sealed(SymmetricState& state, Buffer& message, Bytes plain) {
  Buffer text = to_buffer(plain);
  text.resize(text.size() + crypto::aead_tag_bytes);
  state.encrypt_and_hash(text);
  append(message, text);
}

Buffer opened(SymmetricState& state, Bytes text) {
  Buffer plain = to_buffer(text);
  EXPECT_TRUE(state.decrypt_and_hash(plain));
  plain.resize(plain.size() - crypto::aead_tag_bytes);
  return plain;
}

// With a PSK, an ephemeral key is mixed into the chaining key as well (Noise, section 9.2).
void mix_ephemeral(Side& side, Bytes key) {
  side.state.mix_hash(key);
  if (side.psk) side.state.mix_key(key);
}

// -> e, es, s, ss
Buffer write_first(Side& initiator, Bytes responder_static, Bytes payload) {
  Buffer message = to_buffer(initiator.ephemeral.public_key().bytes());
  mix_ephemeral(initiator, initiator.ephemeral.public_key().bytes());
  EXPECT_TRUE(initiator.state.mix_dh(initiator.ephemeral.secret_bytes(), responder_static));
  sealed(initiator.state, message, initiator.own_static.public_key().bytes());
  EXPECT_TRUE(initiator.state.mix_dh(initiator.own_static.secret_bytes(), responder_static));
  sealed(initiator.state, message, payload);
  return message;
}

Buffer read_first(Side& responder, Bytes message, Buffer& initiator_static) {
  mix_ephemeral(responder, message.first(32));
  EXPECT_TRUE(responder.state.mix_dh(responder.own_static.secret_bytes(), message.first(32)));
  initiator_static = opened(responder.state, message.subspan(32, 48));
  EXPECT_TRUE(responder.state.mix_dh(responder.own_static.secret_bytes(), initiator_static));
  return opened(responder.state, message.subspan(80));
}

// <- e, ee, se[, psk]
Buffer write_second(Side& responder, Bytes initiator_ephemeral, Bytes initiator_static, Bytes payload) {
  Buffer message = to_buffer(responder.ephemeral.public_key().bytes());
  mix_ephemeral(responder, responder.ephemeral.public_key().bytes());
  EXPECT_TRUE(responder.state.mix_dh(responder.ephemeral.secret_bytes(), initiator_ephemeral));
  EXPECT_TRUE(responder.state.mix_dh(responder.ephemeral.secret_bytes(), initiator_static));
  if (responder.psk) responder.state.mix_key_and_hash(*responder.psk);
  sealed(responder.state, message, payload);
  return message;
}

Buffer read_second(Side& initiator, Bytes message) {
  mix_ephemeral(initiator, message.first(32));
  EXPECT_TRUE(initiator.state.mix_dh(initiator.ephemeral.secret_bytes(), message.first(32)));
  EXPECT_TRUE(initiator.state.mix_dh(initiator.own_static.secret_bytes(), message.first(32)));
  if (initiator.psk) initiator.state.mix_key_and_hash(*initiator.psk);
  return opened(initiator.state, message.subspan(32));
}

Buffer transport_message(const crypto::AeadKey& key, std::uint64_t counter, Bytes plain) {
  Buffer text = to_buffer(plain);
  text.resize(text.size() + crypto::aead_tag_bytes);
  crypto::aead_seal(key, crypto::counter_nonce(counter, Endian::little), {}, text);
  return text;
}

void run(const boost::json::value& known) {
  const Buffer responder_static = bytes_at(known, "init_remote_static");
  Side initiator = side_of(known, "init", responder_static);
  Side responder = side_of(known, "resp", responder_static);
  const auto& messages = known.at("messages").as_array();

  const Buffer first = write_first(initiator, responder_static, bytes_at(messages[0], "payload"));
  EXPECT_EQ(to_hex(first), text_at(messages[0], "ciphertext"));
  Buffer initiator_static;
  EXPECT_EQ(to_hex(read_first(responder, first, initiator_static)), text_at(messages[0], "payload"));
  EXPECT_TRUE(equal(initiator_static, initiator.own_static.public_key().bytes()));

  const Buffer second =
      write_second(responder, Bytes(first).first(32), initiator_static, bytes_at(messages[1], "payload"));
  EXPECT_EQ(to_hex(second), text_at(messages[1], "ciphertext"));
  EXPECT_EQ(to_hex(read_second(initiator, second)), text_at(messages[1], "payload"));

  EXPECT_EQ(initiator.state.hash(), responder.state.hash());
  if (known.as_object().contains("handshake_hash")) {
    EXPECT_EQ(to_hex(initiator.state.hash()), text_at(known, "handshake_hash"));
  }
  const SplitKeys of_initiator = initiator.state.split();
  const SplitKeys of_responder = responder.state.split();
  for (std::size_t i = 2; i < messages.size(); i++) {  // the sides take turns
    const Buffer payload = bytes_at(messages[i], "payload");
    const std::uint64_t counter = (i - 2) / 2;
    const auto direction = i % 2 == 0 ? &SplitKeys::initiator_to_responder : &SplitKeys::responder_to_initiator;
    EXPECT_EQ(to_hex(transport_message(of_initiator.*direction, counter, payload)), text_at(messages[i], "ciphertext"));
    EXPECT_EQ(to_hex(transport_message(of_responder.*direction, counter, payload)), text_at(messages[i], "ciphertext"));
  }
}

TEST(SymmetricState, makes_the_handshakes_that_cacophony_and_snow_make) {
  const auto file = read_vectors("noise/noise_ik.json");
  int with_psk = 0, without_psk = 0;
  for (const auto& known : file.at("vectors").as_array()) {
    SCOPED_TRACE(std::string(text_at(known, "from")) + " " + std::string(text_at(known, "protocol_name")));
    run(known);
    (text_at(known, "protocol_name") == ik ? without_psk : with_psk)++;
  }
  EXPECT_EQ(without_psk, 2);
  EXPECT_EQ(with_psk, 1);
}

SymmetricState with_a_key() {
  SymmetricState state(ik);
  state.mix_key(bytes_of("anything"));
  return state;
}

TEST(SymmetricState, is_unchanged_by_a_text_that_does_not_authenticate) {
  SymmetricState sender = with_a_key();
  SymmetricState receiver = with_a_key();
  Buffer text(10 + crypto::aead_tag_bytes, std::byte{1});
  sender.encrypt_and_hash(text);
  const crypto::Hash before = receiver.hash();
  for (std::size_t i = 0; i < text.size(); i++) {
    Buffer changed = text;
    changed[i] ^= std::byte{4};
    EXPECT_FALSE(receiver.decrypt_and_hash(changed)) << i;
    Buffer cut(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(receiver.decrypt_and_hash(cut)) << i;
  }
  EXPECT_EQ(receiver.hash(), before);
  EXPECT_TRUE(receiver.decrypt_and_hash(text));
  EXPECT_EQ(receiver.hash(), sender.hash());
}

TEST(SymmetricState, counts_nonces_under_one_key) {
  SymmetricState state = with_a_key();
  SymmetricState same_hash_other_count = state.copy();
  Buffer first(crypto::aead_tag_bytes), second(crypto::aead_tag_bytes);
  state.encrypt_and_hash(first);
  same_hash_other_count.encrypt_and_hash(second);
  EXPECT_EQ(first, second);
  state.encrypt_and_hash(first);
  EXPECT_FALSE(same_hash_other_count.decrypt_and_hash(second));  // the first text again: its nonce is over
  EXPECT_TRUE(same_hash_other_count.decrypt_and_hash(first));
}

TEST(SymmetricState, mixes_nothing_when_a_public_key_is_of_low_order) {
  SeededRandom random(1);
  const auto key = crypto::EphemeralPrivateKey::generate(random);
  SymmetricState state = with_a_key();
  EXPECT_FALSE(state.mix_dh(key.secret_bytes(), Buffer(32)));
  SymmetricState untouched = with_a_key();
  Buffer text(crypto::aead_tag_bytes);
  untouched.encrypt_and_hash(text);
  EXPECT_TRUE(state.decrypt_and_hash(text));
}

TEST(SymmetricState, goes_on_alike_in_a_copy) {
  SymmetricState state = with_a_key();
  SymmetricState copy = state.copy();
  Buffer one(20), other(20);
  state.encrypt_and_hash(one);
  copy.encrypt_and_hash(other);
  EXPECT_EQ(one, other);
  EXPECT_TRUE(equal(state.split().initiator_to_responder.bytes(), copy.split().initiator_to_responder.bytes()));
}

}  // namespace
}  // namespace quoin::noise
