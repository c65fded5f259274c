// A map stream cut into pieces: first byte the compression and the size of pieces, then the stream. Whole and in pieces
// must give the same messages, and none may be over the limit.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "control/map_frames.h"

using namespace quoin;

namespace {

struct Outcome {
  std::vector<Buffer> messages;
  bool failed = false;
  bool operator==(const Outcome&) const = default;
};

Outcome read(control::Compression compression, Bytes stream, std::size_t piece_bytes) {
  control::MapFrameReader reader(compression);
  Outcome out;
  while (!stream.empty()) {
    Bytes piece = stream.first(std::min(piece_bytes, stream.size()));
    stream = stream.subspan(piece.size());
    for (;;) {
      auto message = reader.next(piece);
      if (!message) {
        out.failed = true;
        return out;
      }
      if (!*message) break;
      if ((*message)->size() > control::map_message_bytes_max) std::abort();
      out.messages.push_back(std::move(**message));
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto compression = (data[0] & 1) != 0 ? control::Compression::zstd : control::Compression::none;
  const Bytes stream = std::as_bytes(std::span(data + 1, size - 1));
  if (read(compression, stream, stream.size() + 1) != read(compression, stream, 1u + (data[0] >> 1))) std::abort();
  return 0;
}
