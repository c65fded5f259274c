// How map messages stand in the body of a map response (tailscale controlclient, headscale poll):
//
//   length:4, LITTLE endian | one whole zstd frame, or plain JSON, as the request's Compress asked
//
// and so on to the end of the body. HTTP/2 cuts the body wherever it likes. Both lengths are bounded: what a frame
// claims before any of it is kept, and what it decompresses to while it does.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "control/messages.h"

namespace quoin::control {

enum class Compression { none, zstd };

enum class FrameError {
  too_long,   // on the wire, decompressed, or in the window it asks for: over map_message_bytes_max
  malformed,  // not one whole zstd frame, or empty
};

class MapFrameReader {
 public:
  explicit MapFrameReader(Compression compression) : compression_(compression) {}

  // The next message, taking what it needs from the front of `stream`. Nothing yet: all of it was taken, more must
  // come. After an error this object is spent.
  Result<std::optional<Buffer>, FrameError> next(Bytes& stream);

  bool at_boundary() const { return received_.empty(); }  // false: a body that ends here was cut

 private:
  Compression compression_;
  Buffer received_;  // of one frame, its length included
};

Result<Buffer, FrameError> decompress(Bytes zstd_frame);
Buffer map_frame(std::string_view json, Compression compression);

}  // namespace quoin::control
