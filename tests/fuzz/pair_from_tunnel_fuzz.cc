// What a hostile tunnel may write to its gate: whatever is taken must be in the one form in which it is written.
#include <cstdint>
#include <cstdlib>

#include "pair/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const quoin::Bytes packet(reinterpret_cast<const std::byte*>(data), size);
  const auto message = quoin::pair::decode_from_tunnel(packet);
  if (message && !quoin::equal(quoin::pair::encode(*message), packet)) std::abort();
  return 0;
}
