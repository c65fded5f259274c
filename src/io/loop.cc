#include "io/loop.h"

#include <csignal>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "io/timer_queue.h"

namespace quoin::io {

Loop::Loop() {
  std::signal(SIGPIPE, SIG_IGN);
  context_ = std::make_unique<boost::asio::io_context>(1);
  timers_ = std::make_unique<TimerQueue>(*this);
}

// What was posted and never ran goes with the context, and it may own timers.
Loop::~Loop() {
  timers_->end();
  context_.reset();
}

void Loop::run() {
  context_->run();
  context_->restart();
}

void Loop::run_one() {
  context_->run_one();
  context_->restart();
}

void Loop::stop() {
  context_->stop();
}

void Loop::post(Callback callback) {
  boost::asio::post(*context_, std::move(callback));
}

}  // namespace quoin::io
