// What a server answers to a request of ours, in pieces of every size. The first byte says whether the request asked
// for an upgrade and how the rest is cut.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "http/http1.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  using namespace quoin::http;
  if (size == 0) return 0;
  const std::size_t step = (data[0] & 0x7f) + 1U;
  HttpAnswer answer((data[0] & 0x80) != 0 ? "DERP" : "");
  Bytes rest = std::as_bytes(std::span(data + 1, size - 1));

  bool complete = false;
  while (!rest.empty() && !complete) {
    const Bytes piece = rest.first(std::min(step, rest.size()));
    const auto fed = answer.feed(piece);
    if (!fed) return 0;
    complete = *fed;
    rest = rest.subspan(piece.size());
  }
  if (!complete && !answer.end()) return 0;
  if (answer.body().size() > http_body_bytes_max) std::abort();
  if (answer.leftover().size() > size) std::abort();
  if (answer.upgraded() && (data[0] & 0x80) == 0) std::abort();
  static_cast<void>(answer.field("Upgrade"));
  return 0;
}
