#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "io/socket_address.h"
#include "io/udp_open.h"

namespace quoin::io {

namespace {

// With CAP_NET_ADMIN the limit of net.core.rmem_max and wmem_max does not hold.
void ask_for_buffers(int socket) {
  const int bytes = udp_buffer_bytes;
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
}

}  // namespace

Result<Descriptor, SystemError> open_udp(IpVersion version, std::uint16_t port) {
  return open_udp(Endpoint{version == IpVersion::v4 ? IpAddress() : IpAddress::v6({}), port});
}

Result<Descriptor, SystemError> open_udp(const Endpoint& local) {
  const int family = local.address.is_v4() ? AF_INET : AF_INET6;
  Descriptor made(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!made) return system_failure("open a UDP socket");
  const int on = 1;
  if (family == AF_INET6 && setsockopt(made.number(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return system_failure("keep IPv4 out of an IPv6 socket");
  }
  ask_for_buffers(made.number());
  setsockopt(made.number(), IPPROTO_UDP, UDP_GRO, &on, sizeof on);  // without it datagrams come one by one
  const SocketAddress address(local);
  if (bind(made.number(), reinterpret_cast<const sockaddr*>(address.bytes.data()), address.length) != 0) {
    return system_failure("bind UDP " + local.text());
  }
  return made;
}

}  // namespace quoin::io
