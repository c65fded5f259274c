// What a control server may say inside the transport before HTTP/2 starts (tailscale controlhttp and ts2021 packages).
//
//   ff ff ff 54 53 | length:4, big endian | JSON, {"nodeKeyChallenge":"chalpub:..."}
//
// Its first bytes cannot begin an HTTP/2 frame, so a client looks at them to know whether it is there. It may arrive in
// any pieces. The official client takes 10 MiB; the one thing ever sent is a key of 72 characters, so we take less.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace quoin::noise {

constexpr std::array early_payload_magic{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{'T'},
                                         std::byte{'S'}};
constexpr std::size_t early_payload_header_bytes = early_payload_magic.size() + 4;
constexpr std::size_t early_payload_bytes_max = 64 * 1024;

enum class EarlyPayloadError : std::uint8_t { too_long };

// The client's side: stands between Transport::receive and HTTP/2 for the first bytes, then only passes on.
class EarlyPayloadReader {
 public:
  // Appends to `rest` what is HTTP/2's.
  [[nodiscard]] Result<void, EarlyPayloadError> receive(Bytes plain, Buffer& rest);

  bool decided() const { return decided_; }                          // everything from now on is HTTP/2's
  const std::optional<Buffer>& payload() const { return payload_; }  // the JSON, if the server sent one

 private:
  bool decided_ = false;
  Buffer held_;  // header and payload at most
  std::optional<Buffer> payload_;
};

// The server's side: the bytes to send first. The payload is at most early_payload_bytes_max.
Buffer early_payload(Bytes json);

}  // namespace quoin::noise
