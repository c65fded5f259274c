// Frames that wait for a slow socket, bounded.
//
// Packets may be lost: beyond waiting_bytes_max the oldest are dropped. Control frames may not: they have a small queue
// of their own that goes first. The owner writes what output() shows, in as large pieces as it likes; those bytes stay
// where they are until sent() has covered them, whatever is queued meanwhile, so a write may be under way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "crypto/keys.h"
#include "derp/frame.h"

namespace quoin::derp {

class SendQueue {
 public:
  static constexpr std::size_t waiting_bytes_max = 256 * 1024;  // besides what is being written
  static constexpr std::size_t control_bytes_max = 4 * 1024;

  // A frame of key and packet (SendPacket or RecvPacket); may push out the oldest. Packets over packet_bytes_max are
  // dropped.
  void append_packet(FrameType type, const crypto::NodePublicKey& key, Bytes packet);
  // False if it does not fit: the other side has not read for long.
  [[nodiscard]] bool append_control(Bytes frame);

  Bytes output();
  void sent(std::size_t bytes);  // of the last output()

  bool empty() const { return waiting_packet_bytes() == 0 && control_.empty() && writing_done_ == writing_.size(); }
  bool has_control_waiting() const { return !control_.empty(); }
  std::size_t waiting_packet_bytes() const { return waiting_.size() - waiting_begin_; }
  std::uint64_t packets_dropped() const { return packets_dropped_; }

 private:
  void drop_oldest();

  Buffer waiting_;  // whole packet frames, from waiting_begin_ on
  std::size_t waiting_begin_ = 0;
  Buffer control_;
  Buffer writing_;  // what output() shows, from writing_done_ on
  std::size_t writing_done_ = 0;
  std::uint64_t packets_dropped_ = 0;
};

}  // namespace quoin::derp
