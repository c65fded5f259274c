#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/unix_address.h"
#include "io/unix_client.h"

namespace quoin::io {

Result<UnixClient, ClientError> UnixClient::connect(const std::string& path) {
  const auto address = UnixAddress::of(path);
  if (!address) return failure(ClientError::not_running);
  Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made) return failure(ClientError::failed);
  if (::connect(made.number(), reinterpret_cast<const sockaddr*>(address->bytes.data()), address->length) == 0) {
    return UnixClient(std::move(made));
  }
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED: return failure(ClientError::not_running);
    case EACCES:
    case EPERM: return failure(ClientError::not_permitted);
    default: return failure(ClientError::failed);
  }
}

Result<void, ClientError> UnixClient::send_line(std::string_view text) {
  const std::string line = std::string(text) + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t put = send(socket_.number(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failure(ClientError::closed);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<std::string, ClientError> UnixClient::receive_line(Duration within) {
  const Instant until = now() + within;
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = received_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    searched = received_.size();
    if (received_.size() > line_bytes_max) return failure(ClientError::failed);

    const auto left = std::chrono::ceil<milliseconds>(std::clamp<Duration>(until - now(), Duration(0), hours(1)));
    pollfd waited{socket_.number(), POLLIN, 0};
    const int ready = poll(&waited, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return failure(ClientError::failed);
    if (ready == 0) {
      if (now() >= until) return failure(ClientError::timed_out);
      continue;
    }
    std::array<char, 64 * 1024> space;
    const ssize_t got = recv(socket_.number(), space.data(), space.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failure(ClientError::closed);
    received_.append(space.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace quoin::io
