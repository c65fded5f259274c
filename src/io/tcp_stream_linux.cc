#include <cerrno>

#include <sys/socket.h>

#include "io/socket_reset.h"
#include "io/system_error.h"
#include "io/tcp_stream.h"

namespace quoin::io {

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

void TcpStream::reset() {
  reset_at_close(readiness_.number());
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
