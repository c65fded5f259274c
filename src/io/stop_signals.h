// SIGINT, SIGTERM and SIGHUP as one wish: stop (signalfd(2)).
#pragma once

#include "io/readiness.h"

namespace quoin::io {

class StopSignals {
 public:
  StopSignals(Loop& loop, Callback stop);  // before any thread is started: they inherit that these are blocked

 private:
  void wait();

  Readiness signals_;
  std::shared_ptr<Callback> stop_;
};

}  // namespace quoin::io
