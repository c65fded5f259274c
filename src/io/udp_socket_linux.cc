#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "io/socket_address.h"
#include "io/udp_socket.h"

namespace quoin::io {

namespace {

constexpr int errors_in_a_row_max = 2;  // that were told of earlier datagrams, in one call

bool kernel_cuts(int socket) {
  int segment = 0;
  socklen_t length = sizeof segment;
  return getsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &segment, &length) == 0;
}

// ENOBUFS: the interface's queue is full, which passes as it does for a full socket, but nothing tells when. So what
// meets it is lost, as any datagram may be.
UdpStop stop_of(int code) {
  switch (code) {
    case EAGAIN: return UdpStop::would_block;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES:
    case EPERM: return UdpStop::unreachable;
    default: return UdpStop::failed;
  }
}

bool is_of_cutting(int code) {
  return code == EIO || code == EINVAL || code == EMSGSIZE;
}

// The size of each datagram in a burst that UDP_GRO put together; 0 if there is only one.
std::size_t segment_bytes_of(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != IPPROTO_UDP || header->cmsg_type != UDP_GRO) continue;
    int bytes = 0;
    std::memcpy(&bytes, CMSG_DATA(header), sizeof bytes);
    return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
  }
  return 0;
}

}  // namespace

UdpSocket::UdpSocket(Loop& loop, Descriptor bound_or_connected)
    : readiness_(loop, std::move(bound_or_connected)), segmenting_(kernel_cuts(readiness_.number())) {}

Result<ReceivedBurst, UdpStop> UdpSocket::receive_burst(MutableBytes space) {
  SocketAddress from;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control;
  iovec part{space.data(), space.size()};
  msghdr message{};
  message.msg_name = from.bytes.data();
  message.msg_namelen = SocketAddress::bytes_max;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();

  ssize_t length;
  int told = 0;
  do {
    length = recvmsg(readiness_.number(), &message, MSG_DONTWAIT);
  } while (length < 0 && (errno == EINTR || (errno != EAGAIN && told++ < errors_in_a_row_max)));
  if (length < 0) return failure(stop_of(errno));
  from.length = message.msg_namelen;
  const std::size_t bytes = static_cast<std::size_t>(length);
  const std::size_t segment = segment_bytes_of(message);
  return ReceivedBurst{from.endpoint(), space.first(bytes), segment != 0 ? segment : std::max<std::size_t>(bytes, 1)};
}

Result<std::size_t, UdpStop> UdpSocket::send_burst(Bytes segments, std::size_t segment_bytes) {
  assert(segment_bytes > 0 && segment_bytes <= datagrams_bytes_max);
  const std::size_t in_one_call = std::min(segments_max, datagrams_bytes_max / segment_bytes) * segment_bytes;
  std::size_t sent = 0;
  while (sent < segments.size()) {
    const Bytes run = segments.subspan(sent, std::min(in_one_call, segments.size() - sent));
    const auto left = send_run(run, segment_bytes);
    if (!left) return sent > 0 ? Result<std::size_t, UdpStop>(sent) : left;
    sent += *left;
    if (*left < run.size()) break;
  }
  return sent;
}

// EIO says that the interface cannot cut (no checksum offload): it never will, so that we stop asking. Any other
// refusal may be of this run alone, such as segments that are larger than the path's mtu.
Result<std::size_t, UdpStop> UdpSocket::send_run(Bytes segments, std::size_t segment_bytes) {
  const bool may_be_cut = segmenting_ && segments.size() > segment_bytes && cut_every(segment_bytes);
  if (!may_be_cut) return send_one_by_one(segments, segment_bytes);
  const int code = send(segments);
  if (code == 0) return segments.size();
  if (code != EIO && code != EINVAL && code != EMSGSIZE) return failure(stop_of(code));
  if (code == EIO) segmenting_ = false;
  return send_one_by_one(segments, segment_bytes);
}

Result<std::size_t, UdpStop> UdpSocket::send_one_by_one(Bytes segments, std::size_t segment_bytes) {
  std::size_t sent = 0;
  while (sent < segments.size()) {
    const Bytes one = segments.subspan(sent, std::min(segment_bytes, segments.size() - sent));
    // One that is no longer than what it would be cut into leaves as it is, which spares a call.
    if (one.size() > cut_bytes_) cut_every(0);
    int code = send(one);
    if (code != 0 && is_of_cutting(code) && cut_bytes_ != 0 && cut_every(0)) code = send(one);
    if (code != 0) return sent > 0 ? Result<std::size_t, UdpStop>(sent) : failure(stop_of(code));
    sent += one.size();
  }
  return sent;
}

// What an ICMP message said of an earlier datagram is told by whichever call comes next, once, and that sends nothing.
int UdpSocket::send(Bytes bytes) const {
  for (int told = 0;;) {
    if (::send(readiness_.number(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || is_of_cutting(errno) || told++ >= errors_in_a_row_max) return errno;
  }
}

bool UdpSocket::cut_every(std::size_t segment_bytes) {
  if (segment_bytes == cut_bytes_) return true;
  const int size = static_cast<int>(segment_bytes);
  if (setsockopt(readiness_.number(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) != 0) return false;
  cut_bytes_ = segment_bytes;
  return true;
}

Endpoint UdpSocket::local() const {
  SocketAddress address;
  socklen_t length = SocketAddress::bytes_max;
  if (getsockname(readiness_.number(), reinterpret_cast<sockaddr*>(address.bytes.data()), &length) != 0) return {};
  address.length = length;
  return address.endpoint();
}

}  // namespace quoin::io
