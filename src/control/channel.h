// The layers under control requests, for one connection: Noise, the early payload, HTTP/2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "control/http2.h"
#include "crypto/keys.h"
#include "noise/client_handshake.h"
#include "noise/early_payload.h"

namespace quoin::control {

enum class ChannelError {
  refused,      // the server refused the handshake; see refusal()
  wrong_key,    // its answer was not made with the key we expected
  not_control,  // what came is no control protocol
  broken,       // the connection had worked, and then its bytes made no sense any more
};

class Channel {
 public:
  struct Identity {
    const crypto::MachinePrivateKey& machine;
    const crypto::MachinePublicKey& server;
    std::uint16_t version;
    const std::string& authority;
  };
  // Nothing if the server's key is no key.
  static std::optional<Channel> create(const Identity& identity, Random& random);

  Bytes initiation() const { return handshake_.initiation(); }
  bool open() const { return transport_.has_value(); }
  bool heard() const { return heard_; }  // at least one byte has come
  const std::string& refusal() const { return handshake_.refusal(); }
  Http2Client& http() { return http_; }
  const Http2Client& http() const { return http_; }

  Result<void, ChannelError> receive(Bytes wire);
  Buffer transmit(std::size_t plain_bytes_max);

 private:
  Channel(noise::ClientHandshake handshake, std::string authority);

  noise::ClientHandshake handshake_;
  std::optional<noise::Transport> transport_;
  noise::EarlyPayloadReader early_;
  Http2Client http_;
  bool heard_ = false;
};

}  // namespace quoin::control
