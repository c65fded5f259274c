// disco's messages as they stand in an opened box. What is read is written again and must read the same.

#include <cstdint>
#include <cstdlib>

#include "disco/message.h"

using namespace quoin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = disco::parse(std::as_bytes(std::span(data, size)));
  if (!message) return 0;
  if (const auto* ping = std::get_if<disco::Ping>(&*message)) {
    if (disco::parse(disco::encode(*ping)) != *message) std::abort();
  } else if (const auto* pong = std::get_if<disco::Pong>(&*message)) {
    if (disco::parse(disco::encode(*pong)) != *message) std::abort();
  } else if (const auto* call = std::get_if<disco::CallMeMaybe>(&*message)) {
    if (call->endpoints.size() > disco::call_me_maybe_endpoints_max) std::abort();
    if (disco::parse(disco::encode(*call)) != *message) std::abort();
  }
  return 0;
}
