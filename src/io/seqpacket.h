// Packets with descriptors beside them, between two processes that share a SOCK_SEQPACKET pair (unix(7), SCM_RIGHTS).
//
// seqpacket_linux.cc is the only file of the project that sends or receives descriptors. Received ones are
// close-on-exec. A descriptor that did not arrive (the receiver's table was full, or more came than are wanted) is
// reported with its packet, so that the receiver refuses what it was for; what arrived beside it is closed. From a side
// that is taken for hostile none is received at all (io/unix_peer.h).
//
// A packet may hold a secret: what was received is wiped once its handler has returned, and what had to wait to be sent
// once it has left.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "io/readiness.h"
#include "io/system_error.h"

namespace quoin::io {

class Seqpacket {
 public:
  static constexpr std::size_t packet_bytes_max = 16 * 1024;
  static constexpr std::size_t descriptors_max = 4;        // with one packet
  static constexpr std::size_t queued_packets_max = 1024;  // that the other side has not taken yet
  static constexpr std::size_t queued_bytes_max = 1024 * 1024;

  struct Received {
    Bytes bytes;  // valid during the call
    std::vector<Descriptor> descriptors;
    bool cut = false;               // the packet was longer than packet_bytes_max
    bool descriptors_lost = false;  // then descriptors is empty; from a hostile side, bytes too, and nothing follows
  };
  struct Handlers {
    std::move_only_function<void(Received)> received;
    Callback closed;  // the other side has gone or the socket failed; nothing is called after it
  };
  using Close = std::function<void(Descriptor)>;
  enum class SendError {
    full,    // queued_packets_max or queued_bytes_max
    closed,  // the other side has gone, or the kernel takes no more from us (ETOOMANYREFS): nothing will get through
  };

  static Result<std::pair<Descriptor, Descriptor>, SystemError> make_pair();  // both close-on-exec and non-blocking

  // descriptors_wanted: how many one packet may bring, at most descriptors_max.
  Seqpacket(Loop& loop, Descriptor socket, std::size_t descriptors_wanted, Handlers handlers);
  // For whoever takes the other side for hostile. `close` gets the socket once it is not read any more, with all that
  // is queued in it: it may not be closed on the loop.
  Seqpacket(Loop& loop, Descriptor socket, Close close, Handlers handlers);
  ~Seqpacket();

  // Packets leave in order. The descriptors are closed here once they are sent: these must be such that a close never
  // waits, whatever the other side does to its copy. Asserts the two limits on one packet.
  Result<void, SendError> send(Bytes packet, std::vector<Descriptor> descriptors = {});
  bool all_sent() const { return queue_.empty(); }
  int number() const { return readiness_.number(); }

 private:
  struct Queued {
    Queued(Bytes packet, std::vector<Descriptor> beside) : bytes(to_buffer(packet)), descriptors(std::move(beside)) {}
    Queued(Queued&&) = delete;
    ~Queued();
    Buffer bytes;
    std::vector<Descriptor> descriptors;
  };
  struct Shared {
    Handlers handlers;
    Buffer space;  // packet_bytes_max
  };
  enum class Attempt { done, would_block, failed };

  Attempt attempt(Bytes packet, const std::vector<Descriptor>& descriptors);
  void drain();
  void receive();
  Attempt look(Received& received);
  Attempt receive_one(Received& received);
  void close();

  Readiness readiness_;
  std::size_t descriptors_wanted_;
  Close close_;  // none: the other side is trusted
  std::shared_ptr<Shared> shared_;
  std::deque<Queued> queue_;
  std::size_t queued_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace quoin::io
