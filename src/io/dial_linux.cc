#include <cassert>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/dial.h"
#include "io/socket_address.h"

namespace quoin::io {

namespace {

// Keeps the mappings of NATs and firewalls on the way, and finds out within a minute that the other end is gone, also
// where nothing is sent for hours: a quiet relay, a printer that was switched off.
void keep_alive(int socket) {
  const int on = 1;
  const int idle_seconds = 30;
  const int pause_seconds = 10;
  const int probes = 3;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &pause_seconds, sizeof pause_seconds);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

DialError error_of(int code) {
  switch (code) {
    case ECONNREFUSED:
    case ECONNRESET: return DialError::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EACCES:
    case EPERM: return DialError::unreachable;
    case ETIMEDOUT: return DialError::timed_out;
    default: return DialError::failed;
  }
}

Descriptor open_socket(const Endpoint& to, int type) {
  const int family = to.address.is_v4() ? AF_INET : AF_INET6;
  return Descriptor(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int start_connecting(const Descriptor& socket, const Endpoint& to) {
  const SocketAddress address(to);
  const auto* target = reinterpret_cast<const sockaddr*>(address.bytes.data());
  return connect(socket.number(), target, address.length) == 0 ? 0 : errno;
}

}  // namespace

Dial::Dial(Loop& loop, std::vector<Endpoint> endpoints, Duration each_within, Done done)
    : loop_(loop),
      endpoints_(std::move(endpoints)),
      each_within_(each_within),
      done_(std::move(done)),
      timer_(loop, [this] {
        error_ = DialError::timed_out;
        next();
      }) {
  assert(!endpoints_.empty() && endpoints_.size() <= endpoints_max);
  loop.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) next();
  });
}

void Dial::next() {
  attempt_.reset();
  timer_.clear();
  while (tried_ < endpoints_.size()) {
    const Endpoint& to = endpoints_[tried_++];
    Descriptor socket = open_socket(to, SOCK_STREAM);
    if (!socket) {
      error_ = DialError::failed;
      continue;
    }
    const int on = 1;
    setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    keep_alive(socket.number());
    const int code = start_connecting(socket, to);
    if (code == 0) return finish(Dialled{std::move(socket), to});
    if (code != EINPROGRESS) {
      error_ = error_of(code);
      continue;
    }
    timer_.set(now() + each_within_);
    attempt_ = std::make_unique<Readiness>(loop_, std::move(socket));
    return attempt_->wait_writable([this] { connected(); });
  }
  finish(failure(error_));
}

void Dial::connected() {
  int code = 0;
  socklen_t length = sizeof code;
  if (getsockopt(attempt_->number(), SOL_SOCKET, SO_ERROR, &code, &length) != 0) code = errno;
  if (code == 0) return finish(Dialled{attempt_->release(), endpoints_[tried_ - 1]});
  error_ = error_of(code);
  next();
}

void Dial::finish(Result<Dialled, DialError> result) {
  attempt_.reset();
  timer_.clear();
  Done done = std::move(done_);
  done(std::move(result));
}

Result<Descriptor, DialError> connect_udp(const Endpoint& to) {
  Descriptor socket = open_socket(to, SOCK_DGRAM);
  if (!socket) return failure(DialError::failed);
  const int code = start_connecting(socket, to);
  if (code != 0) return failure(error_of(code));
  return socket;
}

}  // namespace quoin::io
