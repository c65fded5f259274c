#include "control/map_frames.h"

#include <algorithm>
#include <cassert>
#include <memory>

#include <zstd.h>

namespace quoin::control {
namespace {

constexpr std::size_t length_bytes = 4;
constexpr int window_log_max = 23;  // 8 MiB, the most that RFC 8878 asks a decoder for in the open

}  // namespace

Result<std::optional<Buffer>, FrameError> MapFrameReader::next(Bytes& stream) {
  const auto fill = [&](std::size_t size) {
    const std::size_t count = std::min(size - std::min(size, received_.size()), stream.size());
    append(received_, stream.first(count));
    stream = stream.subspan(count);
    return received_.size() >= size;
  };
  if (!fill(length_bytes)) return std::nullopt;
  const std::size_t length = Reader(received_).u32(Endian::little);
  if (length > map_message_bytes_max) return failure(FrameError::too_long);
  if (length == 0) return failure(FrameError::malformed);
  if (!fill(length_bytes + length)) return std::nullopt;

  const Bytes frame = Bytes(received_).subspan(length_bytes);
  Buffer message = compression_ == Compression::zstd ? TRY(decompress(frame)) : to_buffer(frame);
  received_ = {};
  return message;
}

Result<Buffer, FrameError> decompress(Bytes zstd_frame) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context || ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window_log_max))) {
    return failure(FrameError::too_long);
  }
  constexpr std::size_t step = 64 * 1024;
  Buffer out;
  ZSTD_inBuffer input{zstd_frame.data(), zstd_frame.size(), 0};
  for (std::size_t used = 0;;) {
    // One byte more than allowed, so that a message of exactly the limit is told from a longer one.
    out.resize(std::min(used + step, map_message_bytes_max + 1));
    ZSTD_outBuffer output{out.data(), out.size(), used};
    const std::size_t more = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(more)) return failure(FrameError::malformed);
    used = output.pos;
    if (used > map_message_bytes_max) return failure(FrameError::too_long);
    if (more == 0) {
      if (input.pos != input.size) return failure(FrameError::malformed);
      out.resize(used);
      return out;
    }
    if (input.pos == input.size && used < output.size) return failure(FrameError::malformed);  // cut short
  }
}

Buffer map_frame(std::string_view json, Compression compression) {
  assert(!json.empty() && json.size() <= map_message_bytes_max);
  Buffer payload;
  if (compression == Compression::none) {
    payload = to_buffer(bytes_of(json));
  } else {
    payload.resize(ZSTD_compressBound(json.size()));
    const std::size_t size =
        ZSTD_compress(payload.data(), payload.size(), json.data(), json.size(), ZSTD_CLEVEL_DEFAULT);
    assert(!ZSTD_isError(size));
    payload.resize(size);
  }
  Buffer out(length_bytes + payload.size());
  Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(payload.size()), Endian::little);
  writer.put(payload);
  return out;
}

}  // namespace quoin::control
