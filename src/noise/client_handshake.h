// The client's side of a ts2021 handshake: one message out, one message in, then a Transport.
//
// The initiation travels in an HTTP header, the response in the raw stream after the 101; the stream may bring it in
// any pieces, and the transport's first records behind it in the same piece.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "noise/frames.h"
#include "noise/transport.h"

namespace quoin::noise {

class ClientHandshake {
 public:
  // Fails only with low_order_key, for a server key that nobody can hold the private half of.
  static Result<ClientHandshake, HandshakeError> create(std::uint16_t version, const crypto::MachinePrivateKey& machine,
                                                        const crypto::MachinePublicKey& server, Random& random);

  Bytes initiation() const { return initiation_; }

  // Takes what it needs from the front of `wire`. No transport yet: all of it was taken, more must come. With the
  // transport, what is left in `wire` belongs to it. After a transport or an error this object is spent.
  Result<std::optional<Transport>, HandshakeError> handle(Bytes& wire);

  // The server's own words after HandshakeError::refused: unauthenticated, printable ASCII, refusal_shown_bytes_max at
  // most.
  const std::string& refusal() const { return refusal_; }

 private:
  ClientHandshake(SymmetricState state, crypto::MachinePrivateKey machine, crypto::EphemeralPrivateKey ephemeral);
  Result<Transport, HandshakeError> finish(Bytes body);

  SymmetricState state_;
  crypto::MachinePrivateKey machine_;
  crypto::EphemeralPrivateKey ephemeral_;
  std::array<std::byte, initiation_bytes> initiation_{};
  Buffer received_;  // one frame at most
  std::string refusal_;
};

}  // namespace quoin::noise
