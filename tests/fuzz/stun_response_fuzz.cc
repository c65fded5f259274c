// A datagram taken for a STUN response. What was read from it can be said again, in our own spelling.
#include <cstdint>
#include <cstdlib>

#include "stun/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  const Bytes datagram = std::as_bytes(std::span(data, size));
  const auto read = stun::parse_response(datagram);
  if (!read) return 0;
  const auto again = stun::parse_response(stun::response(read->transaction, read->mapped));
  if (!again || again->transaction != read->transaction || again->mapped != read->mapped) std::abort();
  return 0;
}
