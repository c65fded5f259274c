#include "io/readiness.h"

#include <boost/asio/posix/stream_descriptor.hpp>

namespace quoin::io {

namespace asio = boost::asio;

struct Readiness::State {
  // `outstanding`: the loop is waiting. That outlives a callback that was taken back, and then answers nobody.
  struct Wait {
    Callback callback;
    bool outstanding = false;
  };

  explicit State(Loop& loop) : stream(loop.context()) {}

  static void start(const std::shared_ptr<State>& state, Wait State::* wait,
                    asio::posix::descriptor_base::wait_type type, Callback callback);

  asio::posix::stream_descriptor stream;
  Wait readable;
  Wait writable;
};

Readiness::Readiness(Loop& loop, Descriptor descriptor)
    : descriptor_(std::move(descriptor)), state_(std::make_shared<State>(loop)) {
  boost::system::error_code ignored;  // a descriptor that cannot be waited for fails at each wait, and so at its use
  state_->stream.assign(descriptor_.number(), ignored);
}

Readiness::~Readiness() {
  release();
}

Descriptor Readiness::release() {
  cancel();
  if (state_->stream.is_open()) state_->stream.release();
  return std::move(descriptor_);
}

void Readiness::cancel() {
  state_->readable.callback = nullptr;
  state_->writable.callback = nullptr;
}

void Readiness::wait_readable(Callback ready) {
  State::start(state_, &State::readable, asio::posix::descriptor_base::wait_read, std::move(ready));
}

void Readiness::wait_writable(Callback ready) {
  State::start(state_, &State::writable, asio::posix::descriptor_base::wait_write, std::move(ready));
}

void Readiness::State::start(const std::shared_ptr<State>& state, Wait State::* wait,
                             asio::posix::descriptor_base::wait_type type, Callback callback) {
  Wait& started = (*state).*wait;
  started.callback = std::move(callback);
  if (std::exchange(started.outstanding, true)) return;
  state->stream.async_wait(type, [state, wait](const boost::system::error_code&) {
    Wait& answered = (*state).*wait;
    answered.outstanding = false;
    if (!answered.callback) return;
    Callback ready = std::exchange(answered.callback, nullptr);
    ready();
  });
}

}  // namespace quoin::io
