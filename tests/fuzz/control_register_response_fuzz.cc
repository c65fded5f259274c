// Answers to a registration, and the requests that our own server will read: what was read can be written and read
// again.
#include <cstdint>
#include <cstdlib>

#include "control/key_page.h"
#include "control/messages.h"

using namespace quoin;
using namespace quoin::control;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes text = std::as_bytes(std::span(data, size));
  if (const auto answer = decode_register_response(text)) {
    const auto again = decode_register_response(bytes_of(encode(*answer)));
    if (!again || encode(*again) != encode(*answer)) std::abort();
  }
  if (const auto request = decode_register_request(text)) {
    const auto again = decode_register_request(bytes_of(encode(*request)));
    if (!again || encode(*again) != encode(*request)) std::abort();
  }
  if (const auto request = decode_map_request(text)) {
    const auto again = decode_map_request(bytes_of(encode(*request)));
    if (!again || encode(*again) != encode(*request)) std::abort();
  }
  if (const auto key = parse_key_page(text_of(text))) {
    if (parse_key_page(key_page(*key)) != key) std::abort();
  }
  return 0;
}
