// Initial sequence numbers and timestamp offsets that cannot be guessed from outside the flow (RFC 6528; RFC 7323,
// section 7.1).
//
//     ISN = M + F(local address, local port, remote address, remote port, key)
//
// M ticks every 4 microseconds, so that a port pair used again moves on in the sequence space; F is SipHash under a
// random key of this instance.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/random.h"
#include "base/time.h"
#include "crypto/hash.h"

namespace quoin::netstack::tcp {

class InitialSequence {
 public:
  explicit InitialSequence(Random& random) : sequence_key_(random), timestamp_key_(random) {}

  std::uint32_t sequence(const Endpoint& local, const Endpoint& remote, Instant now) const;
  // Per pair of addresses, so that timestamps of one host stay comparable from connection to connection.
  std::uint32_t timestamp_offset(const IpAddress& local, const IpAddress& remote) const;

 private:
  crypto::SipHash sequence_key_;
  crypto::SipHash timestamp_key_;
};

}  // namespace quoin::netstack::tcp
