// One shape for every connection that carries bytes: a TCP socket, TLS over one. Non-blocking: calls move what can be
// moved now, waits say when to try again. The owner drains in bulk and decides about deadlines.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/loop.h"

namespace quoin::io {

enum class StreamStop {
  would_block,  // wait, then try again
  finished,     // reading: the other side said that no more comes
  reset,        // the other side dropped the connection
  failed,       // anything else; failure() says what
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // How many bytes were moved, at least one unless `bytes` is empty. A write that would block is tried again with the
  // same bytes first; more may follow them.
  virtual Result<std::size_t, StreamStop> read_some(MutableBytes space) = 0;
  virtual Result<std::size_t, StreamStop> write_some(Bytes bytes) = 0;

  // Answered once, never inside the call; a second wait replaces the first. None is answered after destruction.
  virtual void wait_readable(Callback ready) = 0;
  virtual void wait_writable(Callback ready) = 0;

  virtual void finish_writing() = 0;  // no more is written; reading goes on
  virtual std::string failure() const = 0;
};

}  // namespace quoin::io
