#include <cassert>

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "io/stop_signals.h"

namespace quoin::io {

namespace {

Descriptor catch_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, number);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  Descriptor made(signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  assert(made);
  return made;
}

}  // namespace

StopSignals::StopSignals(Loop& loop, Callback stop)
    : signals_(loop, catch_signals()), stop_(std::make_shared<Callback>(std::move(stop))) {
  wait();
}

void StopSignals::wait() {
  signals_.wait_readable([this] {
    signalfd_siginfo raised;
    const bool stop = read(signals_.number(), &raised, sizeof raised) == sizeof raised;
    wait();
    const std::shared_ptr<Callback> call = stop_;
    if (stop) (*call)();
  });
}

}  // namespace quoin::io
