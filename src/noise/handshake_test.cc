// Both sides of the ts2021 handshake: against Tailscale's bytes, against each other, and against what is wrong.
#include <gtest/gtest.h>

#include "crypto/vectors_test.h"
#include "noise/client_handshake.h"
#include "noise/repeated_byte.h"
#include "noise/server_handshake.h"

namespace quoin::noise {
namespace {

using crypto::bytes_at;
using crypto::MachinePrivateKey;
using crypto::MachinePublicKey;
using crypto::read_vectors;
using crypto::repeated_byte_at;
using crypto::text_at;

constexpr std::uint16_t version = 145;

MachinePrivateKey machine_of(std::uint8_t byte) {
  RepeatedByte random(byte);
  return MachinePrivateKey::generate(random);
}

class Handshake : public testing::Test {
 protected:
  ClientHandshake client(std::uint16_t claimed = version) {
    auto made = ClientHandshake::create(claimed, client_key, server_key.public_key(), random);
    return std::move(made).value();
  }
  ServerHandshake server() { return ServerHandshake(server_key.copy(), random); }

  // What a server makes of these bytes, all at once.
  Result<std::optional<Initiation>, HandshakeError> read_by_server(Bytes wire) { return server().handle(wire); }

  SeededRandom random{1};
  MachinePrivateKey client_key = machine_of(0x11);
  MachinePrivateKey server_key = machine_of(0x33);
  const boost::json::value known = read_vectors("noise/ts2021.json");
};

TEST_F(Handshake, makes_and_reads_tailscales_bytes_on_both_sides) {
  RepeatedByte client_random(static_cast<std::uint8_t>(bytes_at(known, "client_ephemeral_byte").at(0)));
  RepeatedByte server_random(static_cast<std::uint8_t>(bytes_at(known, "server_ephemeral_byte").at(0)));
  const auto client_static = MachinePrivateKey::from_bytes(repeated_byte_at(known, "client_static_byte"));
  const auto server_static = MachinePrivateKey::from_bytes(repeated_byte_at(known, "server_static_byte"));

  auto ours = ClientHandshake::create(version, client_static, server_static.public_key(), client_random);
  ASSERT_TRUE(ours);
  EXPECT_EQ(to_hex(ours->initiation()), text_at(known, "initiation"));

  ServerHandshake theirs(server_static.copy(), server_random);
  Bytes wire = ours->initiation();
  const auto initiation = theirs.handle(wire);
  ASSERT_TRUE(initiation && *initiation);
  EXPECT_EQ((*initiation)->version, version);
  EXPECT_EQ((*initiation)->client, client_static.public_key());
  auto accepted = theirs.accept();
  ASSERT_TRUE(accepted);
  EXPECT_EQ(to_hex(accepted->response), text_at(known, "response"));

  wire = accepted->response;
  auto transport = ours->handle(wire);
  ASSERT_TRUE(transport && *transport);
  for (const auto& record : known.at("client_records").as_array()) {
    Buffer sent, plain;
    ASSERT_TRUE((*transport)->send(bytes_at(record, "plain"), sent));
    EXPECT_EQ(to_hex(sent), text_at(record, "record"));
    ASSERT_TRUE(accepted->transport.receive(sent, plain));
    EXPECT_EQ(plain, bytes_at(record, "plain"));
  }
  for (const auto& record : known.at("server_records").as_array()) {
    Buffer sent, plain;
    ASSERT_TRUE(accepted->transport.send(bytes_at(record, "plain"), sent));
    EXPECT_EQ(to_hex(sent), text_at(record, "record"));
    ASSERT_TRUE((*transport)->receive(sent, plain));
    EXPECT_EQ(plain, bytes_at(record, "plain"));
  }
}

TEST_F(Handshake, takes_single_bytes_and_leaves_the_transports_bytes_alone) {
  ClientHandshake ours = client();
  ServerHandshake theirs = server();
  for (std::size_t i = 0; i < initiation_bytes; i++) {
    Bytes one = ours.initiation().subspan(i, 1);
    const auto result = theirs.handle(one);
    ASSERT_TRUE(result);
    EXPECT_TRUE(one.empty());
    EXPECT_EQ(result->has_value(), i + 1 == initiation_bytes);
  }
  auto accepted = theirs.accept();
  ASSERT_TRUE(accepted);
  Buffer stream = accepted->response;
  ASSERT_TRUE(accepted->transport.send(bytes_of("early"), stream));
  for (std::size_t i = 0; i + 1 < response_bytes; i++) {
    Bytes one = Bytes(stream).subspan(i, 1);
    const auto result = ours.handle(one);
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->has_value());
  }
  Bytes rest = Bytes(stream).subspan(response_bytes - 1);
  auto transport = ours.handle(rest);
  ASSERT_TRUE(transport && *transport);
  Buffer plain;
  ASSERT_TRUE((*transport)->receive(rest, plain));
  EXPECT_EQ(text_of(plain), "early");
}

TEST_F(Handshake, leaves_what_follows_an_initiation) {
  ClientHandshake ours = client();
  Buffer stream = to_buffer(ours.initiation());
  append(stream, bytes_of("more"));
  Bytes wire = stream;
  ServerHandshake theirs = server();
  const auto initiation = theirs.handle(wire);
  ASSERT_TRUE(initiation && *initiation);
  EXPECT_EQ(text_of(wire), "more");
}

TEST_F(Handshake, fails_at_the_server_for_a_change_in_any_byte_of_the_initiation) {
  ClientHandshake ours = client();
  for (std::size_t i = 0; i < initiation_bytes; i++) {
    for (const std::uint8_t bit : {1, 0x80}) {
      Buffer changed = to_buffer(ours.initiation());
      changed[i] ^= std::byte{bit};
      const auto result = read_by_server(changed);
      const bool in_frame_header = i >= 2 && i < initiation_header_bytes;
      // Even the top bit of the ephemeral key counts: X25519 ignores it, but the hash does not.
      ASSERT_FALSE(result) << i;
      EXPECT_EQ(result.error(), in_frame_header ? HandshakeError::unexpected_frame : HandshakeError::not_authentic)
          << i;
    }
  }
}

TEST_F(Handshake, fails_at_the_client_for_a_change_in_any_byte_of_the_response) {
  for (std::size_t i = 0; i < response_bytes; i++) {
    ClientHandshake ours = client();
    ServerHandshake theirs = server();
    Bytes wire = ours.initiation();
    ASSERT_TRUE(theirs.handle(wire));
    auto accepted = theirs.accept();
    ASSERT_TRUE(accepted);
    accepted->response[i] ^= std::byte{0x80};
    Bytes changed = accepted->response;
    const auto result = ours.handle(changed);
    ASSERT_FALSE(result) << i;
    EXPECT_EQ(result.error(), i < frame_header_bytes ? HandshakeError::unexpected_frame : HandshakeError::not_authentic)
        << i;
  }
}

TEST_F(Handshake, waits_for_more_at_every_cut) {
  ClientHandshake ours = client();
  for (std::size_t length = 0; length < initiation_bytes; length++) {
    const auto result = read_by_server(ours.initiation().first(length));
    ASSERT_TRUE(result) << length;
    EXPECT_FALSE(result->has_value()) << length;
  }
  const Buffer response = bytes_at(known, "response");
  for (std::size_t length = 0; length < response_bytes; length++) {
    ClientHandshake waiting = client();
    Bytes wire = Bytes(response).first(length);
    const auto result = waiting.handle(wire);
    ASSERT_TRUE(result) << length;
    EXPECT_FALSE(result->has_value()) << length;
    EXPECT_TRUE(wire.empty());
  }
}

TEST_F(Handshake, refuses_every_other_frame_type_and_length_as_soon_as_it_is_seen) {
  for (int type = 0; type < 256; type++) {
    Buffer as_client{std::byte(type), std::byte{0}, std::byte{response_bytes - frame_header_bytes}};
    ClientHandshake ours = client();
    Bytes wire = as_client;
    EXPECT_EQ(ours.handle(wire).has_value(), type == 2 || type == 3) << type;
    const Buffer as_server{std::byte{0}, std::byte{145}, std::byte(type), std::byte{0}, std::byte{96}};
    EXPECT_EQ(read_by_server(as_server).has_value(), type == 1) << type;
  }
  for (const int length : {0, 47, 49, 96, 4093, 65535}) {
    Buffer frame(3);
    Writer writer(frame);
    writer.u8(2);
    writer.u16(static_cast<std::uint16_t>(length));
    ClientHandshake ours = client();
    Bytes wire = frame;
    const auto result = ours.handle(wire);
    ASSERT_FALSE(result) << length;
    EXPECT_EQ(result.error(), HandshakeError::unexpected_frame);
  }
  for (const int length : {0, 95, 97, 48, 65535}) {
    Buffer frame(5);
    Writer writer(frame);
    writer.u16(version);
    writer.u8(1);
    writer.u16(static_cast<std::uint16_t>(length));
    EXPECT_FALSE(read_by_server(frame)) << length;
  }
}

TEST_F(Handshake, fails_when_the_version_was_changed_on_the_way) {
  for (const std::uint16_t claimed : {0, 1, 144, 146, 65535}) {
    Buffer changed = to_buffer(client().initiation());
    Writer(changed).u16(claimed);
    const auto result = read_by_server(changed);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), HandshakeError::not_authentic);
  }
}

TEST_F(Handshake, says_every_version_as_it_was_claimed) {
  for (const std::uint16_t claimed : {0, 1, 145, 65535}) {
    const auto result = read_by_server(client(claimed).initiation());
    ASSERT_TRUE(result && *result);
    EXPECT_EQ((*result)->version, claimed);
  }
}

TEST_F(Handshake, fails_with_another_server_key) {
  ServerHandshake other(machine_of(0x44), random);
  const ClientHandshake ours = client();
  Bytes wire = ours.initiation();
  const auto result = other.handle(wire);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), HandshakeError::not_authentic);
}

TEST_F(Handshake, is_not_completed_by_the_response_to_another_initiation) {
  ClientHandshake first = client();
  ClientHandshake second = client();
  ServerHandshake theirs = server();
  Bytes wire = first.initiation();
  ASSERT_TRUE(theirs.handle(wire));
  auto accepted = theirs.accept();
  ASSERT_TRUE(accepted);
  Bytes response = accepted->response;
  const auto result = second.handle(response);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), HandshakeError::not_authentic);
}

const std::string_view low_order_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

TEST_F(Handshake, refuses_low_order_keys_wherever_they_come_from) {
  for (const std::string_view hex : low_order_points) {
    const Buffer point = *from_hex(hex);
    const auto as_server_key =
        ClientHandshake::create(version, client_key, *MachinePublicKey::from_bytes(point), random);
    ASSERT_FALSE(as_server_key) << hex;
    EXPECT_EQ(as_server_key.error(), HandshakeError::low_order_key);

    Buffer initiation = to_buffer(client().initiation());
    std::ranges::copy(point, initiation.begin() + initiation_header_bytes);
    const auto at_server = read_by_server(initiation);
    ASSERT_FALSE(at_server) << hex;
    EXPECT_EQ(at_server.error(), HandshakeError::low_order_key);

    Buffer response = bytes_at(known, "response");
    std::ranges::copy(point, response.begin() + frame_header_bytes);
    ClientHandshake ours = client();
    Bytes wire = response;
    const auto at_client = ours.handle(wire);
    ASSERT_FALSE(at_client) << hex;
    EXPECT_EQ(at_client.error(), HandshakeError::low_order_key);
  }
}

// A client whose static key is of low order can seal an initiation by the book, because it needs no private key for it.
TEST_F(Handshake, refuses_a_client_whose_static_key_is_of_low_order) {
  const auto ephemeral = crypto::EphemeralPrivateKey::generate(random);
  SymmetricState state = control_handshake(version, server_key.public_key().bytes());
  Buffer initiation(initiation_bytes);
  Writer writer(initiation);
  writer.u16(version);
  writer.u8(1);
  writer.u16(96);
  writer.put(ephemeral.public_key().bytes());
  state.mix_hash(ephemeral.public_key().bytes());
  ASSERT_TRUE(state.mix_dh(ephemeral.secret_bytes(), server_key.public_key().bytes()));
  state.encrypt_and_hash(writer.reserve(48));  // the zero key
  state.mix_key(Buffer(32));                   // what DH with it gives
  state.encrypt_and_hash(writer.reserve(16));
  const auto result = read_by_server(initiation);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), HandshakeError::low_order_key);
}

TEST_F(Handshake, shows_a_refusals_words_bounded_and_harmless) {
  const auto refused_with = [this](Bytes frame) {
    ClientHandshake ours = client();
    const auto result = ours.handle(frame);
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error(), HandshakeError::refused);
    return ours.refusal();
  };
  EXPECT_EQ(refused_with(error_frame("unsupported version")), "unsupported version");
  EXPECT_EQ(refused_with(error_frame("")), "");
  EXPECT_EQ(refused_with(error_frame("a\x1b[31m\n\x7f\xc3\xa9z")), "a?[31m????z");
  EXPECT_EQ(refused_with(error_frame(std::string(5000, 'x'))), std::string(refusal_shown_bytes_max, 'x'));

  Buffer too_long{std::byte{3}, std::byte{0x04}, std::byte{0x01}};  // 1025 bytes announced
  ClientHandshake ours = client();
  Bytes wire = too_long;
  const auto result = ours.handle(wire);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), HandshakeError::unexpected_frame);
}

TEST_F(Handshake, gives_different_keys_each_time_and_in_each_direction) {
  Buffer wires[2];
  for (Buffer& both : wires) {
    ClientHandshake ours = client();
    ServerHandshake theirs = server();
    Bytes wire = ours.initiation();
    ASSERT_TRUE(theirs.handle(wire));
    auto accepted = theirs.accept();
    ASSERT_TRUE(accepted);
    Bytes response = accepted->response;
    auto transport = ours.handle(response);
    ASSERT_TRUE(transport && *transport);
    Buffer from_client, from_server, plain;
    ASSERT_TRUE((*transport)->send(bytes_of("same"), from_client));
    ASSERT_TRUE(accepted->transport.send(bytes_of("same"), from_server));
    EXPECT_NE(from_client, from_server);
    EXPECT_FALSE((*transport)->receive(from_client, plain));  // its own record, reflected
    both = from_client;
  }
  EXPECT_NE(wires[0], wires[1]);
}

}  // namespace
}  // namespace quoin::noise
