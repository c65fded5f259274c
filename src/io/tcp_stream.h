// A connected TCP (or Unix stream) socket as a ByteStream.
#pragma once

#include "io/byte_stream.h"
#include "io/readiness.h"

namespace quoin::io {

class TcpStream final : public ByteStream {
 public:
  TcpStream(Loop& loop, Descriptor connected);

  Result<std::size_t, StreamStop> read_some(MutableBytes space) override;
  Result<std::size_t, StreamStop> write_some(Bytes bytes) override;
  void wait_readable(Callback ready) override { readiness_.wait_readable(std::move(ready)); }
  void wait_writable(Callback ready) override { readiness_.wait_writable(std::move(ready)); }
  void finish_writing() override;
  void reset() override;
  std::string failure() const override;

 private:
  StreamStop stop(int code);

  Readiness readiness_;
  int failure_code_ = 0;
};

}  // namespace quoin::io
