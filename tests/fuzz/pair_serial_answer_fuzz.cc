// What a taken-over quoin-snmp may write to its gate, and what a device may send as its serial number.
#include <cstdint>
#include <cstdlib>

#include "pair/serial_question.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  const Bytes packet(reinterpret_cast<const std::byte*>(data), size);
  const auto answer = pair::decode_answer(packet);
  if (answer && !equal(pair::encode(*answer), packet)) std::abort();
  const auto of_device = pair::serial_answer_of(packet);
  if (pair::decode_answer(pair::encode(of_device)) != of_device) std::abort();
  if (const auto question = pair::decode_question(packet); question && !equal(pair::encode(*question), packet))
    std::abort();
  return 0;
}
