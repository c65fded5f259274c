#include <cerrno>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/system_error.h"
#include "io/tcp_stream.h"

namespace quoin::io {

namespace {

// <netinet/tcp.h> has names for them, and an older tcp_info.
constexpr std::uint8_t tcp_state_time_wait = 6;
constexpr std::uint8_t tcp_state_closed = 7;

}  // namespace

TcpStream::TcpStream(Loop& loop, Descriptor connected) : readiness_(loop, std::move(connected)) {}

Result<std::size_t, StreamStop> TcpStream::read_some(MutableBytes space) {
  if (space.empty()) return 0;
  for (;;) {
    const ssize_t got = recv(readiness_.number(), space.data(), space.size(), MSG_DONTWAIT);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return quoin::failure(StreamStop::finished);
    if (errno != EINTR) return quoin::failure(stop(errno));
  }
}

Result<std::size_t, StreamStop> TcpStream::write_some(Bytes bytes) {
  if (bytes.empty()) return 0;
  for (;;) {
    const ssize_t put = send(readiness_.number(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno != EINTR) return quoin::failure(stop(errno));
  }
}

void TcpStream::finish_writing() {
  shutdown(readiness_.number(), SHUT_WR);
}

TcpEnding TcpStream::ending() const {
  tcp_info known{};
  socklen_t length = sizeof known;
  if (getsockopt(readiness_.number(), IPPROTO_TCP, TCP_INFO, &known, &length) != 0) return {.is_over = true};
  const bool is_over = known.tcpi_state == tcp_state_closed || known.tcpi_state == tcp_state_time_wait;
  return {is_over, known.tcpi_bytes_acked};
}

std::string TcpStream::failure() const {
  return failure_code_ == 0 ? std::string() : SystemError{"connection", failure_code_}.text();
}

StreamStop TcpStream::stop(int code) {
  if (code == EAGAIN) return StreamStop::would_block;
  failure_code_ = code;
  return code == ECONNRESET || code == EPIPE ? StreamStop::reset : StreamStop::failed;
}

}  // namespace quoin::io
