// What a taken-over quoin-resolver may write to its gate, and what stands in a host table.
#include <cstdint>
#include <cstdlib>

#include "pair/name_question.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  const Bytes packet(reinterpret_cast<const std::byte*>(data), size);
  const auto answer = pair::decode_name_answer(packet);
  if (answer && !equal(pair::encode(*answer), packet)) std::abort();
  const auto question = pair::decode_name_question(packet);
  if (question && !equal(pair::encode(*question), packet)) std::abort();
  if (pair::addresses_in_host_table(text_of(packet), "localhost").size() > pair::addresses_of_name_max) std::abort();
  return 0;
}
