// What a proxy answers to CONNECT, in pieces of every size: the verdict does not depend on the pieces, and no byte
// behind the blank line is taken. The first byte says how it is cut.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "http/http_connect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  using namespace quoin::http;
  if (size == 0) return 0;
  const Bytes whole = std::as_bytes(std::span(data + 1, size - 1));
  HttpConnectAnswer at_once;
  const auto taken_at_once = at_once.feed(whole);

  HttpConnectAnswer in_pieces;
  std::size_t taken = 0;
  bool failed = false;
  const std::size_t step = data[0] + 1U;
  for (std::size_t at = 0; at < whole.size() && !in_pieces.complete() && !failed; at += step) {
    const Bytes piece = whole.subspan(at, std::min(step, whole.size() - at));
    const auto fed = in_pieces.feed(piece);
    failed = !fed;
    if (!fed) break;
    taken += *fed;
    if (*fed < piece.size() && !in_pieces.complete()) std::abort();
  }
  if (failed != !taken_at_once || in_pieces.complete() != at_once.complete()) std::abort();
  if (failed) return 0;
  if (taken != *taken_at_once || taken > HttpConnectAnswer::bytes_max) std::abort();
  if (in_pieces.status() != at_once.status() || in_pieces.offers_basic() != at_once.offers_basic()) std::abort();
  if (in_pieces.complete()) {
    if (taken == 0 || static_cast<char>(whole[taken - 1]) != '\n') std::abort();
    if (in_pieces.status() < 200 || in_pieces.status() > 599) std::abort();
  }
  return 0;
}
