// Lines on stderr for whoever looks after the machine. No keys, no customer's names or addresses at info and above.
//
// Who reads them may be slow or gone: a pipe that nobody empties, a journal that is full, a terminal that somebody has
// stopped. A program is not held up by that. Lines that nobody takes are dropped, and how many is said later.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace quoin::io {

enum class LogLevel { trace, debug, info, warning, error };

// "quoin-agent: warning: text", with what is not printable replaced and what is too long cut, so that text from the
// network stays one honest line. To be called before the sandbox closes; until then lines go out under the name
// "quoin".
constexpr std::size_t log_line_bytes_max = 2048;
void start_log(std::string_view program, LogLevel least);
void log(LogLevel level, std::string_view text);

// While one is there, lines are written by a thread of its own, so that `log` waits for nothing whatever stderr is.
// Without it a line goes out in one call, which waits where stderr does: a child's is a pipe that never does.
class LogThread {
 public:
  static constexpr std::size_t waiting_bytes_max = 64 * 1024;

  LogThread();
  ~LogThread();  // what still waits has a moment to get out
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

 private:
  struct Shared;
  friend void log(LogLevel level, std::string_view text);
  std::shared_ptr<Shared> shared_;
};

}  // namespace quoin::io
