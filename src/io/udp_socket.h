// A bound UDP socket that moves bursts: many datagrams in one system call where the kernel can (udp(7): UDP_GRO in,
// UDP_SEGMENT out), one by one where it cannot. Which of the two is found at run time.
//
// One call a packet costs about 1.5 us at both ends together; a burst of 44 segments costs about a tenth of that each.
// The socket itself is opened elsewhere (io/udp_open.h) and handed over, also from another process. One that is only
// bound receives; one that is connected sends as well, and only there: no call here takes an address, so that a sandbox
// need not allow any that does.
#pragma once

#include <cstddef>

#include "base/address.h"
#include "io/readiness.h"

namespace quoin::io {

enum class UdpStop {
  would_block,  // wait, then try again
  unreachable,  // no route to there, or it is not allowed
  failed,       // not this datagram; the next one may leave
};

struct ReceivedBurst {
  Endpoint from;
  MutableBytes bytes;         // one datagram after the other
  std::size_t segment_bytes;  // of each, the last may be shorter; never 0. An empty datagram is an empty burst
};

class UdpSocket {
 public:
  static constexpr std::size_t burst_bytes_max = 65'536;      // room that receive_burst wants
  static constexpr std::size_t segments_max = 64;             // UDP_MAX_SEGMENTS of older kernels
  static constexpr std::size_t datagrams_bytes_max = 65'487;  // one call's payload, by IPv6's tighter limit

  UdpSocket(Loop& loop, Descriptor bound_or_connected);

  // Datagrams of one sender. `space` has burst_bytes_max bytes; the burst lies in it. A connected socket may bring some
  // of others too, which came before it was connected.
  Result<ReceivedBurst, UdpStop> receive_burst(MutableBytes space);

  // Sends `segments`, cut every segment_bytes, as datagrams to where the socket is connected. Returns how many bytes
  // left: fewer than all if the socket is full, and then whole datagrams. Nothing left is would_block. What ICMP said
  // of earlier datagrams is not told: anybody on the way may say it.
  Result<std::size_t, UdpStop> send_burst(Bytes segments, std::size_t segment_bytes);

  void wait_readable(Callback ready) { readiness_.wait_readable(std::move(ready)); }
  void wait_writable(Callback ready) { readiness_.wait_writable(std::move(ready)); }

  Endpoint local() const;
  bool sends_segments() const { return segmenting_; }  // the kernel cuts
  void stop_sending_segments() { segmenting_ = false; }

 private:
  Result<std::size_t, UdpStop> send_run(Bytes segments, std::size_t segment_bytes);
  Result<std::size_t, UdpStop> send_one_by_one(Bytes segments, std::size_t segment_bytes);
  int send(Bytes bytes) const;                // 0 or errno
  bool cut_every(std::size_t segment_bytes);  // 0: not at all

  Readiness readiness_;
  bool segmenting_;
  std::size_t cut_bytes_ = 0;  // as the kernel has been told; it stays so until it is told otherwise
};

}  // namespace quoin::io
