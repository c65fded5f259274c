// What a server may send to an HTTP/2 client with open requests: first byte the size of pieces, then the bytes. Every
// request must end once at most, and all of them when the connection is lost.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "control/http2.h"

using namespace quoin;
using namespace quoin::control;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  Http2Client client("control.example");
  std::set<StreamId> open;
  for (int i = 0; i < 3; i++) open.insert(*client.submit("POST", "/machine/map", bytes_of("{}")));
  const auto drain = [&] {
    Buffer out;
    client.transmit(out, 64 * 1024);
    while (auto event = client.poll_event()) {
      if (const auto* ended = std::get_if<ResponseEnded>(&*event)) {
        if (open.erase(ended->stream) == 0) std::abort();
      }
      if (const auto* body = std::get_if<ResponseData>(&*event)) {
        if (!open.contains(body->stream)) std::abort();
      }
      if (const auto* begun = std::get_if<ResponseBegun>(&*event)) {
        if (!open.contains(begun->stream) || begun->retry_after.size() > header_bytes_max) std::abort();
      }
    }
  };
  drain();
  Bytes rest = std::as_bytes(std::span(data + 1, size - 1));
  while (!rest.empty()) {
    const Bytes piece = rest.first(std::min<std::size_t>(1u + data[0], rest.size()));
    rest = rest.subspan(piece.size());
    client.handle_bytes(piece);
    drain();
  }
  client.connection_lost();
  drain();
  if (!open.empty()) std::abort();
  return 0;
}
