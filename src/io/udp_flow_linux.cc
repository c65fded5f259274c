#include <cerrno>

#include <sys/socket.h>

#include "io/udp_flow.h"

namespace quoin::io {

namespace {

// The error of an ICMP message that came for an earlier datagram is reported by whichever call is next.
UdpFlowStop stop_of(int code) {
  switch (code) {
    case EAGAIN: return UdpFlowStop::would_block;
    case ECONNREFUSED: return UdpFlowStop::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EACCES:
    case EPERM: return UdpFlowStop::unreachable;
    case EMSGSIZE: return UdpFlowStop::too_large;
    default: return UdpFlowStop::failed;
  }
}

}  // namespace

UdpFlow::UdpFlow(Loop& loop, Descriptor connected) : readiness_(loop, std::move(connected)) {}

Result<void, UdpFlowStop> UdpFlow::send(Bytes datagram) {
  for (;;) {
    if (::send(readiness_.number(), datagram.data(), datagram.size(), MSG_DONTWAIT) >= 0) return {};
    if (errno == ENOBUFS) return {};  // the interface's queue was full: lost, as any datagram may be
    if (errno != EINTR) return failure(stop_of(errno));
  }
}

Result<MutableBytes, UdpFlowStop> UdpFlow::receive(MutableBytes space) {
  for (;;) {
    const ssize_t length = recv(readiness_.number(), space.data(), space.size(), MSG_DONTWAIT);
    if (length >= 0) return space.first(static_cast<std::size_t>(length));
    if (errno != EINTR) return failure(stop_of(errno));
  }
}

}  // namespace quoin::io
