// A descriptor that can be waited for.
//
// A wait is answered once, when the descriptor may be readable or writable, failed or hung up; the owner then tries its
// call, which may still find nothing to do. After cancel(), release() or the destructor no callback runs. A callback
// may destroy the object that it was given to.
#pragma once

#include <memory>

#include "io/descriptor.h"
#include "io/loop.h"

namespace quoin::io {

class Readiness {
 public:
  Readiness(Loop& loop, Descriptor descriptor);  // a socket, pipe, timer or other descriptor that epoll takes
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  int number() const { return descriptor_.number(); }
  void wait_readable(Callback ready);  // a second wait replaces the callback of the first
  void wait_writable(Callback ready);
  void cancel();
  Descriptor release();  // this object can then only be destroyed

 private:
  struct State;

  Descriptor descriptor_;
  std::shared_ptr<State> state_;
};

}  // namespace quoin::io
