// A connected UDP socket: datagrams with one other endpoint, and its refusal (ICMP port unreachable) as an error.
#pragma once

#include "io/readiness.h"

namespace quoin::io {

enum class UdpFlowStop {
  would_block,
  refused,      // nothing listens there
  unreachable,  // no such host, or no way there
  too_large,    // the datagram exceeds what UDP carries
  failed,
};

class UdpFlow {
 public:
  static constexpr std::size_t datagram_bytes_max = 65'535;

  UdpFlow(Loop& loop, Descriptor connected);

  Result<void, UdpFlowStop> send(Bytes datagram);
  Result<MutableBytes, UdpFlowStop> receive(MutableBytes space);  // space of datagram_bytes_max
  void wait_readable(Callback ready) { readiness_.wait_readable(std::move(ready)); }
  void wait_writable(Callback ready) { readiness_.wait_writable(std::move(ready)); }

 private:
  Readiness readiness_;
};

}  // namespace quoin::io
