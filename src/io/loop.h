// The event loop: one a process, one thread. Everything in this layer that waits, waits here and calls back from run().
//
// Behind it is a Boost.Asio io_context; only loop.cc and readiness.cc know, because Asio's headers cost seconds a file.
// No callback runs inside the call that asked for it. Whatever was made with a loop is destroyed before it.
#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace quoin::io {

class TimerQueue;
using Callback = std::move_only_function<void()>;

class Loop {
 public:
  Loop();  // also makes the process ignore SIGPIPE: a closed connection is an error code, not a death
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();      // until stop()
  void run_one();  // waits for one callback and runs it
  void stop();
  void post(Callback callback);  // runs it soon; the only call that another thread may make

  boost::asio::io_context& context() { return *context_; }
  TimerQueue& timers() { return *timers_; }

 private:
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<TimerQueue> timers_;
};

}  // namespace quoin::io
