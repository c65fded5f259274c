#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include <sys/socket.h>

#include "io/line_connection.h"
#include "io/unix_peer.h"

namespace quoin::io {

bool PeerCredentials::in_group(std::uint32_t group) const {
  return std::ranges::find(groups, group) != groups.end();
}

LineConnection::LineConnection(Loop& loop, Descriptor connected, PeerCredentials peer, Closer& closer)
    : loop_(loop),
      closer_(closer),
      socket_(std::make_unique<Readiness>(loop, std::move(connected))),
      peer_(std::move(peer)) {
  refuse_descriptors(socket_->number());
}

LineConnection::~LineConnection() {
  let_go();
}

void LineConnection::start(Handlers handlers) {
  *handlers_ = std::move(handlers);
  if (socket_) socket_->wait_readable([this] { receive(); });
}

void LineConnection::receive() {
  std::array<char, line_bytes_max> space;
  const Look seen = look_at_unix(socket_->number(), std::as_writable_bytes(std::span(space)));
  if (seen.what == Arrival::nothing_yet) return socket_->wait_readable([this] { receive(); });
  if (seen.what != Arrival::bytes) return close();
  // No more than was seen: what has come since may have descriptors beside it.
  ssize_t got;
  do {
    got = recv(socket_->number(), space.data(), seen.bytes, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return close();
  received_.append(space.data(), static_cast<std::size_t>(got));
  if (!hand_on() || !socket_) return;
  if (received_.size() > line_bytes_max) return close();
  socket_->wait_readable([this] { receive(); });
}

// False if a handler destroyed us.
bool LineConnection::hand_on() {
  const std::shared_ptr<Handlers> handlers = handlers_;
  for (std::size_t end; socket_ && !finishing_ && (end = received_.find('\n')) != std::string::npos;) {
    const std::string line = received_.substr(0, end);
    received_.erase(0, end + 1);
    if (handlers->line) handlers->line(line);
    if (handlers.use_count() == 1) return false;
  }
  return true;
}

void LineConnection::send_line(std::string_view text) {
  if (!socket_ || finishing_) return;
  if (unsent_.size() + text.size() >= unsent_bytes_max) return close_soon();
  const bool idle = unsent_.empty();
  unsent_ += text;
  unsent_ += '\n';
  if (idle) socket_->wait_writable([this] { drain(); });
}

void LineConnection::finish() {
  finishing_ = true;
  if (unsent_.empty()) close_soon();
}

void LineConnection::drain() {
  while (!unsent_.empty()) {
    const ssize_t put = send(socket_->number(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return socket_->wait_writable([this] { drain(); });
    if (put < 0) return close();
    unsent_.erase(0, static_cast<std::size_t>(put));
  }
  if (finishing_) close();
}

void LineConnection::close_soon() {
  loop_.post([this, watched = std::weak_ptr(handlers_)] {
    if (!watched.expired() && socket_) close();
  });
}

void LineConnection::let_go() {
  if (socket_) closer_.close(socket_->release());
  socket_.reset();
}

void LineConnection::close() {
  let_go();
  const std::shared_ptr<Handlers> handlers = handlers_;
  if (handlers->closed) handlers->closed();
}

}  // namespace quoin::io
