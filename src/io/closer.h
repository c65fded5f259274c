// Closes the sockets of Unix peers, beside the loop.
//
// Whoever closes the last copy of a file may have to wait: for a TCP socket with SO_LINGER as long as any of those who
// shared it has asked for. And with a Unix socket goes what is queued in it, descriptors of the other side's choosing
// among it. So they are closed by a thread that ends: as part of an exit a close waits for nothing (socket(7)).
#pragma once

#include <memory>
#include <utility>

#include "io/descriptor.h"

namespace quoin::io {

class Closer {
 public:
  Closer();
  ~Closer();  // what has been taken over is still closed
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;

  void close(Descriptor socket);  // returns at once; the other side sees the end at once, too
  bool is_busy() const;           // so many wait that no more should be let in for a moment
  auto closing() {
    return [this](Descriptor socket) { close(std::move(socket)); };
  }

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace quoin::io
