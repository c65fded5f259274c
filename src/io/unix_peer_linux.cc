#include <cerrno>

#include <sys/socket.h>

#include "io/unix_peer.h"

namespace quoin::io {

namespace {

#ifndef SO_PASSRIGHTS
constexpr int SO_PASSRIGHTS = 83;  // NOLINT(readability-identifier-naming): of <asm-generic/socket.h>
#endif

}  // namespace

void refuse_descriptors(int socket) {
  const int off = 0;
  setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
}

Look look_at_unix(int socket, MutableBytes space) {
  iovec part{space.data(), space.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ssize_t seen;
  do {
    seen = recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT);
  } while (seen < 0 && errno == EINTR);
  if (seen < 0) return {errno == EAGAIN ? Arrival::nothing_yet : Arrival::end};
  if ((message.msg_flags & MSG_CTRUNC) != 0) return {Arrival::descriptors};
  if (seen == 0 && (message.msg_flags & MSG_TRUNC) == 0) return {Arrival::end};
  return {Arrival::bytes, static_cast<std::size_t>(seen)};
}

}  // namespace quoin::io
