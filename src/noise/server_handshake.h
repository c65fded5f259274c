// The server's side of a ts2021 handshake: reads the initiation, says who wrote it, then answers or refuses.
//
// The initiation usually arrives whole, decoded from an HTTP header, but any pieces will do. Who the client is and
// which version it claims are authenticated once `handle` has given them, before anything is answered: the owner
// decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "noise/frames.h"
#include "noise/transport.h"

namespace quoin::noise {

// An initiation that was authentic for this server. A recorded one is too: only the client's first record shows that it
// is there now.
struct Initiation {
  std::uint16_t version;
  crypto::MachinePublicKey client;
};

class ServerHandshake {
 public:
  ServerHandshake(crypto::MachinePrivateKey machine, Random& random);

  // Takes what it needs from the front of `wire`; nothing yet means that all of it was taken and more must come.
  Result<std::optional<Initiation>, HandshakeError> handle(Bytes& wire);

  struct Accepted {
    Buffer response;  // response_bytes, to be sent before any record
    Transport transport;
  };
  // Once, after an initiation. To refuse instead, send error_frame(...) and close.
  Result<Accepted, HandshakeError> accept();

 private:
  Result<Initiation, HandshakeError> read(Bytes frame);

  crypto::MachinePrivateKey machine_;
  Random& random_;
  Buffer received_;                      // one initiation at most
  std::optional<SymmetricState> state_;  // after the initiation
  crypto::EphemeralPublicKey client_ephemeral_;
  crypto::MachinePublicKey client_;
};

}  // namespace quoin::noise
