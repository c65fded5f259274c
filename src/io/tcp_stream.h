// A connected TCP (or Unix stream) socket as a ByteStream.
//
// Destroying it resets the connection, as the gate has set its sockets (io/dial_linux.cc). For an end in order the
// owner finishes writing and keeps it until ending() says that it is over: the kernel sends again what was lost on the
// way only while somebody holds the socket.
#pragma once

#include <cstdint>

#include "io/byte_stream.h"
#include "io/readiness.h"

namespace quoin::io {

struct TcpEnding {
  bool is_over = false;  // both sides have ended and everything that we sent was acknowledged, or the connection broke
  std::uint64_t bytes_acknowledged = 0;
};

class TcpStream final : public ByteStream {
 public:
  TcpStream(Loop& loop, Descriptor connected);

  Result<std::size_t, StreamStop> read_some(MutableBytes space) override;
  Result<std::size_t, StreamStop> write_some(Bytes bytes) override;
  void wait_readable(Callback ready) override { readiness_.wait_readable(std::move(ready)); }
  void wait_writable(Callback ready) override { readiness_.wait_writable(std::move(ready)); }
  void finish_writing() override;
  std::string failure() const override;
  TcpEnding ending() const;

 private:
  StreamStop stop(int code);

  Readiness readiness_;
  int failure_code_ = 0;
};

}  // namespace quoin::io
