#include <algorithm>
#include <cassert>
#include <cerrno>

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/ping.h"
#include "io/socket_address.h"

namespace quoin::io {

namespace {

constexpr int packets_per_turn = 64;          // a device that floods with replies does not keep everything else waiting
constexpr std::size_t echo_header_bytes = 8;  // type, code, checksum, identifier, sequence number
constexpr std::size_t ipv4_header_bytes_max = 60;
constexpr std::uint8_t echo_request_v4 = 8;
constexpr std::uint8_t echo_request_v6 = 128;
constexpr std::uint8_t echo_reply_v4 = 0;
constexpr std::uint8_t echo_reply_v6 = 129;

std::uint16_t internet_checksum(Bytes bytes) {  // RFC 1071
  std::uint32_t sum = 0;
  Reader reader(bytes);
  while (reader.remaining() >= 2) sum += reader.u16();
  if (reader.remaining() == 1) sum += static_cast<std::uint32_t>(reader.u8()) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// Identifier, sequence number and payload are random, so that only an answer to this very request fits.
Buffer echo_request(bool v4, std::size_t payload_bytes, Random& random) {
  Buffer message(echo_header_bytes + payload_bytes);
  random.fill(MutableBytes(message).subspan(4));
  Writer header(message);
  header.u8(v4 ? echo_request_v4 : echo_request_v6);
  header.u8(0);
  header.u16(0);
  if (v4) Writer(MutableBytes(message).subspan(2)).u16(internet_checksum(message));  // the kernel adds ICMPv6's
  return message;
}

void hear_only_replies(int socket, bool v4) {
  if (v4) {
    const icmp_filter others{~(1U << echo_reply_v4)};
    setsockopt(socket, SOL_RAW, ICMP_FILTER, &others, sizeof others);
  } else {
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(echo_reply_v6, &filter);
    setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  }
}

bool says_unreachable(int code) {
  return code == EHOSTUNREACH || code == ENETUNREACH || code == ENETDOWN || code == EHOSTDOWN || code == ECONNREFUSED ||
         code == EACCES || code == EADDRNOTAVAIL || code == EPROTO;
}

}  // namespace

Ping::Ping(Loop& loop, Random& random, IpAddress to, std::size_t payload_bytes, Duration within, Done done,
           Egress egress)
    : loop_(loop),
      to_(to),
      request_(echo_request(to.is_v4(), payload_bytes, random)),
      space_(request_.size() + ipv4_header_bytes_max),
      done_(std::move(done)),
      egress_(egress),
      timer_(loop, [this] { finish(failure(PingError::timed_out)); }) {
  assert(payload_bytes <= payload_bytes_max);
  timer_.set(now() + within);
  loop.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) send();
  });
}

// The kernel's own echo sockets first (icmp(7)): they need no capability where the administrator opened them.
bool Ping::open() {
  const int family = to_.is_v4() ? AF_INET : AF_INET6;
  const int protocol = to_.is_v4() ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
  Descriptor made(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  raw_ = !made;
  if (raw_) {
    made = Descriptor(socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!made) return false;
    hear_only_replies(made.number(), to_.is_v4());
  }
  if (!set_egress(made, to_.version(), egress_)) return false;
  const int on = 1;  // so that soft errors, such as host unreachable, are told as well
  if (to_.is_v4()) {
    setsockopt(made.number(), IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  } else {
    setsockopt(made.number(), IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  }
  socket_ = std::make_unique<Readiness>(loop_, std::move(made));
  return true;
}

void Ping::send() {
  if (!open()) return finish(failure(PingError::failed));
  const SocketAddress target({to_, 0});
  sent_ = now();
  if (connect(socket_->number(), reinterpret_cast<const sockaddr*>(target.bytes.data()), target.length) != 0 ||
      ::send(socket_->number(), request_.data(), request_.size(), MSG_DONTWAIT) < 0) {
    return finish(failure(says_unreachable(errno) ? PingError::unreachable : PingError::failed));
  }
  socket_->wait_readable([this] { receive(); });
}

void Ping::receive() {
  for (int packet = 0; packet < packets_per_turn; packet++) {
    const ssize_t length = recv(socket_->number(), space_.data(), space_.size(), MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) break;
    if (length < 0) return finish(failure(says_unreachable(errno) ? PingError::unreachable : PingError::failed));
    if (answers(Bytes(space_).first(static_cast<std::size_t>(length)))) return finish(now() - sent_);
  }
  socket_->wait_readable([this] { receive(); });
}

bool Ping::answers(Bytes packet) const {
  if (raw_ && to_.is_v4()) {
    Reader header(packet);
    header.skip((header.u8() & 0x0fU) * 4U - 1U);
    packet = header.rest();
  }
  if (packet.size() != request_.size()) return false;
  Reader reply(packet);
  if (reply.u8() != (to_.is_v4() ? echo_reply_v4 : echo_reply_v6) || reply.u8() != 0) return false;
  const std::size_t same_from = raw_ ? 4 : 6;  // the kernel's echo sockets put an identifier of their own
  return equal(packet.subspan(same_from), Bytes(request_).subspan(same_from));
}

void Ping::finish(Result<Duration, PingError> result) {
  socket_.reset();
  timer_.clear();
  Done done = std::move(done_);
  done(std::move(result));
}

}  // namespace quoin::io
