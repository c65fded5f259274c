// What the commands other than `run` do: ask the running agent, or read its audit file. Each returns the exit code.
#pragma once

#include "command_line.h"

namespace quoin::apps {

gate::ExitCode perform(const SocketCommand& command);
gate::ExitCode perform(const AuditCommand& command);

}  // namespace quoin::apps
