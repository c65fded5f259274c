#include "noise/server_handshake.h"

#include <cassert>
#include <utility>

namespace quoin::noise {

ServerHandshake::ServerHandshake(crypto::MachinePrivateKey machine, Random& random)
    : machine_(std::move(machine)), random_(random) {}

Result<std::optional<Initiation>, HandshakeError> ServerHandshake::handle(Bytes& wire) {
  if (!take_until(received_, initiation_header_bytes, wire)) return std::nullopt;
  Reader header(received_);
  header.skip(2);  // the version: any is read, since only an authentic one means something
  const auto type = static_cast<FrameType>(header.u8());
  const std::size_t length = header.u16();
  if (type != FrameType::initiation || length != initiation_bytes - initiation_header_bytes) {
    return failure(HandshakeError::unexpected_frame);
  }
  if (!take_until(received_, initiation_bytes, wire)) return std::nullopt;
  return read(received_);
}

// -> e, es, s, ss
Result<Initiation, HandshakeError> ServerHandshake::read(Bytes frame) {
  Reader reader(frame);
  const std::uint16_t version = reader.u16();
  reader.skip(frame_header_bytes);
  const auto ephemeral = reader.array<crypto::key_bytes>();
  auto sealed_static = reader.array<crypto::key_bytes + crypto::aead_tag_bytes>();
  auto sealed_nothing = reader.array<crypto::aead_tag_bytes>();
  assert(reader.done());

  SymmetricState state = control_handshake(version, machine_.public_key().bytes());
  state.mix_hash(ephemeral);
  if (!state.mix_dh(machine_.secret_bytes(), ephemeral)) return failure(HandshakeError::low_order_key);
  if (!state.decrypt_and_hash(sealed_static)) return failure(HandshakeError::not_authentic);
  const crypto::MachinePublicKey client(Reader(sealed_static).array<crypto::key_bytes>());
  if (!state.mix_dh(machine_.secret_bytes(), client.bytes())) return failure(HandshakeError::low_order_key);
  if (!state.decrypt_and_hash(sealed_nothing)) return failure(HandshakeError::not_authentic);

  state_ = std::move(state);
  client_ephemeral_ = crypto::EphemeralPublicKey(ephemeral);
  client_ = client;
  return Initiation{.version = version, .client = client};
}

// <- e, ee, se
Result<ServerHandshake::Accepted, HandshakeError> ServerHandshake::accept() {
  assert(state_ && "accept() comes once, after handle() gave an initiation");
  SymmetricState state = *std::exchange(state_, std::nullopt);
  Buffer response(response_bytes);
  Writer writer(response);
  writer.u8(static_cast<std::uint8_t>(FrameType::response));
  writer.u16(response_bytes - frame_header_bytes);

  const auto ephemeral = crypto::EphemeralPrivateKey::generate(random_);
  const auto ephemeral_public = ephemeral.public_key();
  writer.put(ephemeral_public.bytes());
  state.mix_hash(ephemeral_public.bytes());
  if (!state.mix_dh(ephemeral.secret_bytes(), client_ephemeral_.bytes()) ||
      !state.mix_dh(ephemeral.secret_bytes(), client_.bytes())) {
    return failure(HandshakeError::low_order_key);
  }
  state.encrypt_and_hash(writer.reserve(crypto::aead_tag_bytes));
  auto keys = state.split();
  return Accepted{.response = std::move(response),
                  .transport = Transport({.send = std::move(keys.responder_to_initiator),
                                          .receive = std::move(keys.initiator_to_responder)})};
}

}  // namespace quoin::noise
