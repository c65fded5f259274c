// Cuts a byte stream into frames, in place.
//
// The owner reads from TLS straight into space(); whole frames are handed out as spans into that memory, so that what
// they carry is decrypted where it lies. Only an unfinished frame is moved, to the front, when space is asked for
// again. Memory starts small and grows only for a frame that needs it, never beyond one frame of the largest kind.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "derp/frame.h"

namespace quoin::derp {

class FrameReader {
 public:
  static constexpr std::size_t memory_bytes_initial_default = 32 * 1024;
  static constexpr std::size_t memory_bytes_max = frame_header_bytes + frame_payload_bytes_max;

  explicit FrameReader(std::size_t memory_bytes_initial = memory_bytes_initial_default);

  // Room for what arrives next; frames handed out before are no longer valid. Empty only if next() was not called
  // until it gave nothing.
  MutableBytes space();
  void filled(std::size_t bytes);  // of the last space()

  // The next whole frame of a known type; nothing until more has arrived. After an error the stream is lost.
  Result<std::optional<Frame>, FrameError> next();

 private:
  MutableBytes unread() { return MutableBytes(memory_).subspan(begin_, end_ - begin_); }

  std::vector<std::byte> memory_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t frame_bytes_ = 0;  // of the unfinished frame at begin_, once its header is here
  std::size_t skip_ = 0;         // bytes of an unknown frame still to come
};

}  // namespace quoin::derp
