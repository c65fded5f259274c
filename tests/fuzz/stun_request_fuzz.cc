// A datagram taken for a STUN request, in both forms. What a derper would answer is also what a lenient server answers.
#include <cstdint>
#include <cstdlib>

#include "stun/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  const Bytes datagram = std::as_bytes(std::span(data, size));
  const auto any = stun::parse_request(datagram, stun::RequestForm::any);
  const auto tailnode = stun::parse_request(datagram, stun::RequestForm::tailnode);
  if (tailnode && (!any || *any != *tailnode)) std::abort();
  if (any && (!stun::is_stun(datagram) || stun::parse_response(datagram))) std::abort();
  return 0;
}
