// SIGINT, SIGTERM and SIGHUP as something to be read (signalfd(2)), for whoever stops the process.
#pragma once

#include "io/descriptor.h"

namespace quoin::io {

Descriptor catch_stop_signals();  // before any thread is started: they inherit that these are blocked

}  // namespace quoin::io
