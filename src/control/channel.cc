#include "control/channel.h"

#include "base/secret.h"

namespace quoin::control {
namespace {

ChannelError meaning(noise::HandshakeError error) {
  switch (error) {
    case noise::HandshakeError::refused: return ChannelError::refused;
    case noise::HandshakeError::not_authentic: return ChannelError::wrong_key;
    case noise::HandshakeError::unexpected_frame:
    case noise::HandshakeError::low_order_key: return ChannelError::not_control;
  }
  return ChannelError::not_control;
}

}  // namespace

std::optional<Channel> Channel::create(const Identity& identity, Random& random) {
  auto handshake = noise::ClientHandshake::create(identity.version, identity.machine, identity.server, random);
  if (!handshake) return std::nullopt;
  return Channel(*std::move(handshake), identity.authority);
}

Channel::Channel(noise::ClientHandshake handshake, std::string authority)
    : handshake_(std::move(handshake)), http_(std::move(authority)) {}

Result<void, ChannelError> Channel::receive(Bytes wire) {
  heard_ = heard_ || !wire.empty();
  if (!transport_) {
    auto transport = handshake_.handle(wire);
    if (!transport) return failure(meaning(transport.error()));
    if (!*transport) return {};
    transport_ = **std::move(transport);
  }
  Buffer plain;
  const auto received = transport_->receive(wire, plain);
  Buffer frames;
  if (!early_.receive(plain, frames)) return failure(ChannelError::not_control);
  http_.handle_bytes(frames);
  if (!received) return failure(ChannelError::broken);
  return {};
}

Buffer Channel::transmit(std::size_t plain_bytes_max) {
  Buffer wire;
  if (!transport_) return wire;
  Buffer plain;
  plain.reserve(plain_bytes_max + 32 * 1024);  // a frame more; never outgrown, so that all of it is wiped
  http_.transmit(plain, plain_bytes_max);
  if (!transport_->send(plain, wire)) http_.connection_lost();
  wipe(plain);
  return wire;
}

}  // namespace quoin::control
