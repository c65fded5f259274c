#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "io/socket_address.h"
#include "io/udp_open.h"

namespace quoin::io {

namespace {

// With CAP_NET_ADMIN the limit of net.core.rmem_max and wmem_max does not hold.
void ask_for_buffers(int socket, int bytes) {
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
}

Result<Descriptor, SystemError> open_unbound(IpVersion version, int buffer_bytes) {
  const int family = version == IpVersion::v4 ? AF_INET : AF_INET6;
  Descriptor made(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!made) return system_failure("open a UDP socket");
  const int on = 1;
  if (family == AF_INET6 && setsockopt(made.number(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return system_failure("keep IPv4 out of an IPv6 socket");
  }
  ask_for_buffers(made.number(), buffer_bytes);
  setsockopt(made.number(), IPPROTO_UDP, UDP_GRO, &on, sizeof on);  // without it datagrams come one by one
  return made;
}

Result<void, SystemError> bind_to(const Descriptor& socket, const Endpoint& local) {
  const SocketAddress address(local);
  if (bind(socket.number(), reinterpret_cast<const sockaddr*>(address.bytes.data()), address.length) != 0) {
    return system_failure("bind UDP " + local.text());
  }
  return {};
}

Result<void, SystemError> share_port(const Descriptor& socket, bool may_be_shared) {
  const int on = may_be_shared ? 1 : 0;
  if (setsockopt(socket.number(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    return system_failure("share the port of a UDP socket");
  }
  return {};
}

}  // namespace

Result<Descriptor, SystemError> open_udp(IpVersion version, std::uint16_t port) {
  return open_udp(Endpoint{version == IpVersion::v4 ? IpAddress() : IpAddress::v6({}), port});
}

Result<Descriptor, SystemError> open_udp(const Endpoint& local) {
  Descriptor made = TRY(open_unbound(local.address.version(), udp_buffer_bytes));
  TRY(bind_to(made, local));
  return made;
}

Result<Descriptor, SystemError> open_udp_beside(const Descriptor& bound, const Endpoint& to) {
  SocketAddress local;
  if (getsockname(bound.number(), reinterpret_cast<sockaddr*>(local.bytes.data()), &local.length) != 0) {
    return system_failure("read the local address of a UDP socket");
  }
  Descriptor made = TRY(open_unbound(to.address.version(), udp_beside_buffer_bytes));
  TRY(share_port(made, true));
  TRY(share_port(bound, true));
  const auto bound_too = bind_to(made, local.endpoint());
  TRY(share_port(bound, false));
  TRY(bound_too);
  const SocketAddress address(to);
  if (connect(made.number(), reinterpret_cast<const sockaddr*>(address.bytes.data()), address.length) != 0) {
    return system_failure("connect a UDP socket");
  }
  return made;
}

bool is_about_the_way(const SystemError& error) {
  switch (error.code) {
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES:
    case EPERM:
    case EINVAL: return true;
    default: return false;
  }
}

void disconnect_udp(const Descriptor& connected) {
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  connect(connected.number(), &nowhere, sizeof nowhere);
}

Result<Descriptor, SystemError> duplicate(const Descriptor& descriptor) {
  Descriptor made(fcntl(descriptor.number(), F_DUPFD_CLOEXEC, 0));
  if (!made) return system_failure("duplicate a descriptor");
  return made;
}

}  // namespace quoin::io
