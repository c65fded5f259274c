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

Descriptor open_socket(const Endpoint& to, int type, Egress egress) {
  const int family = to.address.is_v4() ? AF_INET : AF_INET6;
  Descriptor made(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return made && set_egress(made, to.address.version(), egress) ? std::move(made) : Descriptor();
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

// 0, or why it is not to be had. Ports that only connections have that are ending, or that lead elsewhere, can be had
// (SO_REUSEADDR); connecting then fails with EADDRNOTAVAIL where this very connection exists.
int bind_port(const Descriptor& socket, IpVersion version, std::uint16_t port) {
  const int on = 1;
  setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const SocketAddress any({version == IpVersion::v4 ? *IpAddress::parse("0.0.0.0") : *IpAddress::parse("::"), port});
  return bind(socket.number(), reinterpret_cast<const sockaddr*>(any.bytes.data()), any.length) == 0 ? 0 : errno;
}

// In the order in which they are tried: the one that is wanted, LPD's own, and the uppermost of the others.
std::uint16_t privileged_port(std::uint16_t wanted, std::size_t attempt) {
  constexpr std::size_t lpd_first = 721, lpd_ports = 11, highest = DialOptions::local_port_max;
  if (attempt == 0) return wanted;
  if (attempt <= lpd_ports) return static_cast<std::uint16_t>(lpd_first + attempt - 1);
  return static_cast<std::uint16_t>(highest - (attempt - lpd_ports - 1));
}
constexpr std::size_t privileged_ports_tried_max = 1 + 11 + 32;

}  // namespace

bool set_egress(const Descriptor& socket, IpVersion version, Egress egress) {
  const int hops = 1;
  if (egress.interface != 0 &&
      setsockopt(socket.number(), SOL_SOCKET, SO_BINDTOIFINDEX, &egress.interface, sizeof egress.interface) != 0) {
    return false;
  }
  if (egress.reach == Reach::anywhere) return true;
  return version == IpVersion::v4
             ? setsockopt(socket.number(), IPPROTO_IP, IP_TTL, &hops, sizeof hops) == 0
             : setsockopt(socket.number(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops) == 0;
}

Dial::Dial(Loop& loop, std::vector<Endpoint> endpoints, Duration within, Done done, DialOptions options)
    : loop_(loop),
      endpoints_(std::move(endpoints)),
      done_(std::move(done)),
      options_(options),
      patience_(loop, [this] { finish(failure(DialError::timed_out)); }),
      next_(loop, [this] { next(); }) {
  assert(!endpoints_.empty() && endpoints_.size() <= endpoints_max);
  patience_.set(now() + within);
  loop.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) next();
  });
}

void Dial::next() {
  next_.clear();
  while (attempts_.size() < endpoints_.size()) {
    const std::size_t index = attempts_.size();
    auto socket = begin(endpoints_[index]);
    attempts_.emplace_back();
    if (!socket) {
      error_ = socket.error();
      continue;
    }
    attempts_.back() = std::make_unique<Readiness>(loop_, std::move(*socket));
    under_way_++;
    if (attempts_.size() < endpoints_.size()) next_.set(now() + attempt_delay);
    return attempts_.back()->wait_writable([this, index] { connected(index); });
  }
  if (under_way_ == 0) finish(failure(error_));
}

Result<Descriptor, DialError> Dial::begin(const Endpoint& to) const {
  bool is_privileged =
      options_.local_port >= DialOptions::local_port_min && options_.local_port <= DialOptions::local_port_max;
  for (std::size_t attempt = 0;; attempt++) {
    Descriptor socket = open_socket(to, SOCK_STREAM, options_.egress);
    if (!socket) return failure(DialError::failed);
    // Its last close waits for nothing then, whoever has it, and a holder that is killed leaves nothing behind that is
    // still sent. An end in order is the holder's to wait for (io/tcp_stream.h).
    reset_at_close(socket.number());
    const int on = 1;
    setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    keep_alive(socket.number());
    if (options_.egress.reach == Reach::own_link) hear_icmp(socket.number(), to.address.version(), true);
    is_privileged = is_privileged && attempt < privileged_ports_tried_max;
    if (is_privileged) {
      const int code = bind_port(socket, to.address.version(), privileged_port(options_.local_port, attempt));
      if (code == EADDRINUSE) continue;
      is_privileged = code == 0;  // or there is no right to any
    }
    const int code = start_connecting(socket, to);
    if (is_privileged && (code == EADDRNOTAVAIL || code == EADDRINUSE)) continue;
    if (code != 0 && code != EINPROGRESS) return failure(error_of(code));
    return socket;
  }
}

void Dial::connected(std::size_t index) {
  Readiness& attempt = *attempts_[index];
  const Endpoint& to = endpoints_[index];
  const bool is_on_link = options_.egress.reach == Reach::own_link;
  int code = 0;
  socklen_t length = sizeof code;
  if (getsockopt(attempt.number(), SOL_SOCKET, SO_ERROR, &code, &length) != 0) code = errno;
  if (code == 0) {
    // From then on such errors would end the connection.
    if (is_on_link) hear_icmp(attempt.number(), to.address.version(), false);
    return finish(Dialled{attempt.release(), to});
  }
  error_ = error_of(code);
  const bool is_behind_router =
      is_on_link && error_ == DialError::unreachable && was_stopped_by_router(attempt.number());
  if (is_behind_router) error_ = DialError::behind_router;
  attempts_[index].reset();
  under_way_--;
  next();
}

void Dial::finish(Result<Dialled, DialError> result) {
  attempts_.clear();
  patience_.clear();
  next_.clear();
  Done done = std::move(done_);
  done(std::move(result));
}

Result<Descriptor, DialError> connect_udp(const Endpoint& to, Egress egress) {
  Descriptor socket = open_socket(to, SOCK_DGRAM, egress);
  if (!socket) return failure(DialError::failed);
  const int code = start_connecting(socket, to);
  if (code != 0) return failure(error_of(code));
  return socket;
}

}  // namespace quoin::io
