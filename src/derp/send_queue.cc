#include "derp/send_queue.h"

#include <cassert>
#include <utility>

namespace quoin::derp {
namespace {

// Dropped frames are moved over once they take this much, so that dropping does not cost a move for each packet.
constexpr std::size_t dropped_bytes_kept = SendQueue::waiting_bytes_max / 4;

}  // namespace

void SendQueue::append_packet(FrameType type, const crypto::NodePublicKey& key, Bytes packet) {
  if (packet.size() > packet_bytes_max) {
    packets_dropped_++;
    return;
  }
  const std::size_t frame_bytes = frame_header_bytes + crypto::key_bytes + packet.size();
  while (waiting_packet_bytes() + frame_bytes > waiting_bytes_max) drop_oldest();
  if (waiting_begin_ >= dropped_bytes_kept) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(waiting_begin_));
    waiting_begin_ = 0;
  }
  append_frame(waiting_, type, {key.bytes(), packet});
}

bool SendQueue::append_control(Bytes frame) {
  if (control_.size() + frame.size() > control_bytes_max) return false;
  append(control_, frame);
  return true;
}

Bytes SendQueue::output() {
  if (writing_done_ == writing_.size()) {
    writing_.clear();
    writing_done_ = 0;
    if (!control_.empty()) {
      std::swap(writing_, control_);
    } else {
      std::swap(writing_, waiting_);
      writing_done_ = std::exchange(waiting_begin_, 0);
    }
  }
  return Bytes(writing_).subspan(writing_done_);
}

void SendQueue::sent(std::size_t bytes) {
  assert(bytes <= writing_.size() - writing_done_);
  writing_done_ += bytes;
}

void SendQueue::drop_oldest() {
  assert(waiting_packet_bytes() >= frame_header_bytes);
  Reader header(Bytes(waiting_).subspan(waiting_begin_, frame_header_bytes));
  header.skip(1);
  waiting_begin_ += frame_header_bytes + header.u32();
  packets_dropped_++;
}

}  // namespace quoin::derp
