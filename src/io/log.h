// Lines on stderr for whoever looks after the machine. No keys, no customer's names or addresses at info and above.
#pragma once

#include <string_view>

namespace quoin::io {

enum class LogLevel { trace, debug, info, warning, error };

// "quoin-agent: warning: text", with control characters replaced, so that text from the network stays one line. To be
// called before the sandbox closes; until then lines go out under the name "quoin".
void start_log(std::string_view program, LogLevel least);
void log(LogLevel level, std::string_view text);

}  // namespace quoin::io
