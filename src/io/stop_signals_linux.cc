#include <cassert>

#include <signal.h>
#include <sys/signalfd.h>

#include "io/stop_signals.h"

namespace quoin::io {

Descriptor catch_stop_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, number);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  Descriptor made(signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  assert(made);
  return made;
}

}  // namespace quoin::io
