#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/dial.h"
#include "io/socket_address.h"
#include "io/socket_reset.h"

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

void hear_icmp(int socket, IpVersion version, bool on) {
  const int value = on ? 1 : 0;
  if (version == IpVersion::v4) {
    setsockopt(socket, IPPROTO_IP, IP_RECVERR, &value, sizeof value);
  } else {
    setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &value, sizeof value);
  }
}

// Whether it was a router that sent the error back, for it let no more hops pass.
bool was_stopped_by_router(int socket) {
  alignas(cmsghdr) std::array<std::byte, 512> control;
  msghdr header{};
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  if (recvmsg(socket, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
    sock_extended_err error{};
    if (each->cmsg_len < CMSG_LEN(sizeof error)) continue;
    std::memcpy(&error, CMSG_DATA(each), sizeof error);
    if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR) {
      return error.ee_origin == SO_EE_ORIGIN_ICMP && error.ee_type == ICMP_TIME_EXCEEDED;
    }
    if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_RECVERR) {
      return error.ee_origin == SO_EE_ORIGIN_ICMP6 && error.ee_type == ICMPV6_TIME_EXCEED;
    }
  }
  return false;
}

int start_connecting(const Descriptor& socket, const Endpoint& to) {
  const SocketAddress address(to);
  const auto* target = reinterpret_cast<const sockaddr*>(address.bytes.data());
  return connect(socket.number(), target, address.length) == 0 ? 0 : errno;
}

}  // namespace

bool keep_within(const Descriptor& socket, IpVersion version, Reach reach) {
  const int hops = 1;
  if (reach == Reach::anywhere) return true;
  return version == IpVersion::v4
             ? setsockopt(socket.number(), IPPROTO_IP, IP_TTL, &hops, sizeof hops) == 0
             : setsockopt(socket.number(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops) == 0;
}

Dial::Dial(Loop& loop, std::vector<Endpoint> endpoints, Duration each_within, Done done, Reach reach)
    : loop_(loop),
      endpoints_(std::move(endpoints)),
      each_within_(each_within),
      done_(std::move(done)),
      reach_(reach),
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
    if (!socket || !keep_within(socket, to.address.version(), reach_)) {
      error_ = DialError::failed;
      continue;
    }
    // Its last close waits for nothing then, whoever has it, and a holder that is killed leaves nothing behind that is
    // still sent. An end in order is the holder's to wait for (io/tcp_stream.h).
    reset_at_close(socket.number());
    const int on = 1;
    setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    keep_alive(socket.number());
    if (reach_ == Reach::own_link) hear_icmp(socket.number(), to.address.version(), true);
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
  const Endpoint& to = endpoints_[tried_ - 1];
  if (code == 0) {
    // From then on such errors would end the connection.
    if (reach_ == Reach::own_link) hear_icmp(attempt_->number(), to.address.version(), false);
    return finish(Dialled{attempt_->release(), to});
  }
  error_ = error_of(code);
  const bool is_behind_router =
      reach_ == Reach::own_link && error_ == DialError::unreachable && was_stopped_by_router(attempt_->number());
  if (is_behind_router) error_ = DialError::behind_router;
  next();
}

void Dial::finish(Result<Dialled, DialError> result) {
  attempt_.reset();
  timer_.clear();
  Done done = std::move(done_);
  done(std::move(result));
}

Result<Descriptor, DialError> connect_udp(const Endpoint& to, Reach reach) {
  Descriptor socket = open_socket(to, SOCK_DGRAM);
  if (!socket || !keep_within(socket, to.address.version(), reach)) return failure(DialError::failed);
  const int code = start_connecting(socket, to);
  if (code != 0) return failure(error_of(code));
  return socket;
}

}  // namespace quoin::io
