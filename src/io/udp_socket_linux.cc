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

UdpSocket::UdpSocket(Loop& loop, Descriptor bound)
    : readiness_(loop, std::move(bound)), segmenting_(kernel_cuts(readiness_.number())) {}

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
  do {
    length = recvmsg(readiness_.number(), &message, MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return failure(stop_of(errno));
  from.length = message.msg_namelen;
  const std::size_t bytes = static_cast<std::size_t>(length);
  const std::size_t segment = segment_bytes_of(message);
  return ReceivedBurst{from.endpoint(), space.first(bytes), segment != 0 ? segment : std::max<std::size_t>(bytes, 1)};
}

Result<std::size_t, UdpStop> UdpSocket::send_burst(const Endpoint& to, Bytes segments, std::size_t segment_bytes) {
  assert(segment_bytes > 0 && segment_bytes <= datagrams_bytes_max);
  const std::size_t in_one_call = std::min(segments_max, datagrams_bytes_max / segment_bytes) * segment_bytes;
  std::size_t sent = 0;
  while (sent < segments.size()) {
    const Bytes run = segments.subspan(sent, std::min(in_one_call, segments.size() - sent));
    const auto left = send_run(to, run, segment_bytes);
    if (!left) return sent > 0 ? Result<std::size_t, UdpStop>(sent) : left;
    sent += *left;
    if (*left < run.size()) break;
  }
  return sent;
}

// EIO says that the interface cannot cut (no checksum offload): it never will, so that we stop asking. Any other
// refusal may be of this run alone, such as segments that are larger than the path's mtu.
Result<std::size_t, UdpStop> UdpSocket::send_run(const Endpoint& to, Bytes segments, std::size_t segment_bytes) {
  if (!segmenting_ || segments.size() <= segment_bytes) return send_one_by_one(to, segments, segment_bytes);

  SocketAddress address(to);
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control{};
  iovec part{const_cast<std::byte*>(segments.data()), segments.size()};
  msghdr message{};
  message.msg_name = address.bytes.data();
  message.msg_namelen = address.length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const std::uint16_t size = static_cast<std::uint16_t>(segment_bytes);
  std::memcpy(CMSG_DATA(header), &size, sizeof size);

  for (;;) {
    if (sendmsg(readiness_.number(), &message, MSG_DONTWAIT) >= 0) return segments.size();
    if (errno == EINTR) continue;
    if (errno != EIO && errno != EINVAL && errno != EMSGSIZE) return failure(stop_of(errno));
    if (errno == EIO) segmenting_ = false;
    return send_one_by_one(to, segments, segment_bytes);
  }
}

Result<std::size_t, UdpStop> UdpSocket::send_one_by_one(const Endpoint& to, Bytes segments, std::size_t segment_bytes) {
  const SocketAddress address(to);
  std::size_t sent = 0;
  while (sent < segments.size()) {
    const Bytes one = segments.subspan(sent, std::min(segment_bytes, segments.size() - sent));
    const ssize_t left = sendto(readiness_.number(), one.data(), one.size(), MSG_DONTWAIT,
                                reinterpret_cast<const sockaddr*>(address.bytes.data()), address.length);
    if (left < 0 && errno == EINTR) continue;
    if (left < 0) return sent > 0 ? Result<std::size_t, UdpStop>(sent) : failure(stop_of(errno));
    sent += one.size();
  }
  return sent;
}

Endpoint UdpSocket::local() const {
  SocketAddress address;
  socklen_t length = SocketAddress::bytes_max;
  if (getsockname(readiness_.number(), reinterpret_cast<sockaddr*>(address.bytes.data()), &length) != 0) return {};
  address.length = length;
  return address.endpoint();
}

}  // namespace quoin::io
