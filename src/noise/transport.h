// ts2021 after its handshake: a stream of bytes each way, cut into sealed records of at most 4096 bytes.
//
// Record boundaries mean nothing to what is above. Each direction counts its records from zero; the nonce is four zero
// bytes and that counter in BIG endian (plain Noise: little endian). The first thing that is wrong ends the connection:
// from then on both directions only repeat the error.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/aead.h"
#include "noise/frames.h"

namespace quoin::noise {

enum class TransportError : std::uint8_t {
  unexpected_type,    // a frame that is not a record
  wrong_length,       // a record longer than record_bytes_max, or too short to hold its tag
  not_authentic,      // forged, repeated, reordered, dropped or changed on the way
  counter_exhausted,  // 2^64 - 1 records: that counter value is never used
};

struct TransportKeys {
  crypto::AeadKey send;
  crypto::AeadKey receive;
  std::uint64_t sent = 0;  // records so far
  std::uint64_t received = 0;
};

class Transport {
 public:
  explicit Transport(TransportKeys keys) : keys_(std::move(keys)) {}

  // Appends to `plain` what the wire's bytes complete. On an error, what was authentic before it has been appended.
  [[nodiscard]] Result<void, TransportError> receive(Bytes wire, Buffer& plain);

  // Appends to `wire` as many records as it takes; none for no bytes.
  [[nodiscard]] Result<void, TransportError> send(Bytes plain, Buffer& wire);

  // False while a record has only partly arrived: a stream that ends there was cut.
  bool at_record_boundary() const { return partial_.empty(); }

 private:
  Result<void, TransportError> take_record(Bytes record, Buffer& plain);
  std::unexpected<TransportError> fail(TransportError error);

  TransportKeys keys_;
  Buffer partial_;  // less than one record
  std::optional<TransportError> failed_;
};

}  // namespace quoin::noise
