// The event loop: one a process, one thread. Everything in this layer that waits, waits here and calls back from run().
//
// Behind it is a Boost.Asio io_context; only loop.cc and readiness.cc know, because Asio's headers cost seconds a file.
// No callback runs inside the call that asked for it, unless that call says so.
#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace quoin::io {

using Callback = std::move_only_function<void()>;

class Loop {
 public:
  Loop();  // also makes the process ignore SIGPIPE: a closed connection is an error code, not a death
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();      // until stop(), or until nothing is left to wait for
  bool run_one();  // waits for one callback and runs it; false if there is nothing to wait for
  void stop();
  void post(Callback callback);  // runs it soon; the only call that another thread may make

  boost::asio::io_context& context() { return *context_; }

 private:
  std::unique_ptr<boost::asio::io_context> context_;
};

}  // namespace quoin::io
