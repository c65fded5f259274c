// Lines on stderr for whoever looks after the machine. No keys, no customer's names or addresses at info and above.
#pragma once

#include <cstddef>
#include <string_view>

namespace quoin::io {

enum class LogLevel { trace, debug, info, warning, error };

// "quoin-agent: warning: text", with what is not printable replaced and what is too long cut, so that text from the
// network stays one honest line. To be called before the sandbox closes; until then lines go out under the name
// "quoin".
constexpr std::size_t log_line_bytes_max = 2048;
void start_log(std::string_view program, LogLevel least);
void log(LogLevel level, std::string_view text);

}  // namespace quoin::io
