#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

#include "io/unix_address.h"

namespace quoin::io {

static_assert(sizeof(sockaddr_un) == sizeof(UnixAddress::bytes));

std::optional<UnixAddress> UnixAddress::of(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  UnixAddress made;
  std::memcpy(made.bytes.data(), &address, sizeof address);
  made.length = sizeof address;
  return made;
}

}  // namespace quoin::io
