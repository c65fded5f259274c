#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include "io/socket_address.h"

namespace quoin::io {

static_assert(sizeof(sockaddr_in6) == SocketAddress::bytes_max);

SocketAddress::SocketAddress(const Endpoint& endpoint) {
  const Bytes address = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, address.data(), address.size());
    std::memcpy(bytes.data(), &v4, sizeof v4);
    length = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, address.data(), address.size());
    std::memcpy(bytes.data(), &v6, sizeof v6);
    length = sizeof v6;
  }
}

Endpoint SocketAddress::endpoint() const {
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, bytes.data(), sizeof family);
  if (family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, bytes.data(), sizeof v4);
    return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  }
  if (family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, bytes.data(), sizeof v6);
    std::array<std::byte, 16> address;
    std::memcpy(address.data(), &v6.sin6_addr, address.size());
    return {IpAddress::v6(address), ntohs(v6.sin6_port)};
  }
  return {};
}

}  // namespace quoin::io
