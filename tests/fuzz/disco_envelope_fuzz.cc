// A datagram that may be disco, up to the opening of its box with a fixed pair of keys.

#include <cstdint>
#include <cstdlib>

#include "disco/envelope.h"
#include "disco/message.h"

using namespace quoin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto own = crypto::DiscoPrivateKey::from_bytes({std::byte{1}});
  const Bytes datagram = std::as_bytes(std::span(data, size));
  const auto envelope = disco::parse_envelope(datagram);
  if (envelope && !disco::looks_like_disco(datagram)) std::abort();
  if (!envelope) return 0;
  const auto key = crypto::BoxKey::between(own.secret_bytes(), envelope->sender.bytes());
  if (!key) return 0;
  const auto payload = key->open(envelope->box);
  if (payload && !disco::parse(*payload)) return 0;
  return 0;
}
