#include "noise/client_handshake.h"

#include <utility>

namespace quoin::noise {
namespace {

// The text is from whoever holds the connection: nothing in it may move a terminal's cursor or start a line of a log.
std::string printable(Bytes text) {
  std::string out(text_of(text.first(std::min(text.size(), refusal_shown_bytes_max))));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

}  // namespace

ClientHandshake::ClientHandshake(SymmetricState state, crypto::MachinePrivateKey machine,
                                 crypto::EphemeralPrivateKey ephemeral)
    : state_(std::move(state)), machine_(std::move(machine)), ephemeral_(std::move(ephemeral)) {}

// -> e, es, s, ss
Result<ClientHandshake, HandshakeError> ClientHandshake::create(std::uint16_t version,
                                                                const crypto::MachinePrivateKey& machine,
                                                                const crypto::MachinePublicKey& server,
                                                                Random& random) {
  ClientHandshake handshake(control_handshake(version, server.bytes()), machine.copy(),
                            crypto::EphemeralPrivateKey::generate(random));
  SymmetricState& state = handshake.state_;
  Writer writer(handshake.initiation_);
  writer.u16(version);
  writer.u8(static_cast<std::uint8_t>(FrameType::initiation));
  writer.u16(initiation_bytes - initiation_header_bytes);

  const auto ephemeral = handshake.ephemeral_.public_key();
  writer.put(ephemeral.bytes());
  state.mix_hash(ephemeral.bytes());
  if (!state.mix_dh(handshake.ephemeral_.secret_bytes(), server.bytes())) {
    return failure(HandshakeError::low_order_key);
  }
  const MutableBytes sealed_static = writer.reserve(crypto::key_bytes + crypto::aead_tag_bytes);
  Writer(sealed_static).put(machine.public_key().bytes());
  state.encrypt_and_hash(sealed_static);
  if (!state.mix_dh(machine.secret_bytes(), server.bytes())) return failure(HandshakeError::low_order_key);
  state.encrypt_and_hash(writer.reserve(crypto::aead_tag_bytes));
  return handshake;
}

Result<std::optional<Transport>, HandshakeError> ClientHandshake::handle(Bytes& wire) {
  if (!take_until(received_, frame_header_bytes, wire)) return std::nullopt;
  Reader header(received_);
  const auto type = static_cast<FrameType>(header.u8());
  const std::size_t length = header.u16();
  const bool response = type == FrameType::response && length == response_bytes - frame_header_bytes;
  const bool error = type == FrameType::error && length <= error_text_bytes_max;
  if (!response && !error) return failure(HandshakeError::unexpected_frame);

  if (!take_until(received_, frame_header_bytes + length, wire)) return std::nullopt;
  const Bytes body = Bytes(received_).subspan(frame_header_bytes);
  if (error) {
    refusal_ = printable(body);
    return failure(HandshakeError::refused);
  }
  return finish(body);
}

// <- e, ee, se
Result<Transport, HandshakeError> ClientHandshake::finish(Bytes body) {
  Reader reader(body);
  const Bytes server_ephemeral = reader.take(crypto::key_bytes);
  auto sealed_nothing = reader.array<crypto::aead_tag_bytes>();
  state_.mix_hash(server_ephemeral);
  if (!state_.mix_dh(ephemeral_.secret_bytes(), server_ephemeral) ||
      !state_.mix_dh(machine_.secret_bytes(), server_ephemeral)) {
    return failure(HandshakeError::low_order_key);
  }
  if (!state_.decrypt_and_hash(sealed_nothing)) return failure(HandshakeError::not_authentic);
  auto keys = state_.split();
  return Transport({.send = std::move(keys.initiator_to_responder), .receive = std::move(keys.responder_to_initiator)});
}

}  // namespace quoin::noise
