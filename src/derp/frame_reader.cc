#include "derp/frame_reader.h"

#include <algorithm>
#include <cassert>

namespace quoin::derp {

FrameReader::FrameReader(std::size_t memory_bytes_initial) : memory_(memory_bytes_initial) {
  assert(memory_bytes_initial > frame_header_bytes);
}

MutableBytes FrameReader::space() {
  if (begin_ > 0) {
    std::copy(memory_.begin() + static_cast<std::ptrdiff_t>(begin_),
              memory_.begin() + static_cast<std::ptrdiff_t>(end_), memory_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (frame_bytes_ > memory_.size()) memory_.resize(frame_bytes_);
  return MutableBytes(memory_).subspan(end_);
}

void FrameReader::filled(std::size_t bytes) {
  assert(bytes <= memory_.size() - end_);
  end_ += bytes;
}

Result<std::optional<Frame>, FrameError> FrameReader::next() {
  for (;;) {
    const std::size_t skipped = std::min(skip_, unread().size());
    begin_ += skipped;
    skip_ -= skipped;
    if (skip_ > 0 || unread().size() < frame_header_bytes) return std::nullopt;

    Reader header(unread().first(frame_header_bytes));
    const std::uint8_t type = header.u8();
    const std::size_t length = header.u32();
    const auto length_max = payload_bytes_max(type);
    if (length > length_max.value_or(skipped_payload_bytes_max)) return failure(FrameError::too_large);
    if (!length_max) {
      begin_ += frame_header_bytes;
      skip_ = length;
      continue;
    }
    frame_bytes_ = frame_header_bytes + length;
    if (unread().size() < frame_bytes_) return std::nullopt;

    const Frame frame{.type = static_cast<FrameType>(type), .payload = unread().subspan(frame_header_bytes, length)};
    begin_ += frame_bytes_;
    frame_bytes_ = 0;
    return frame;
  }
}

}  // namespace quoin::derp
