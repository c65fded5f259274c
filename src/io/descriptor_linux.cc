#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "io/descriptor.h"

namespace quoin::io {

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

bool fill_standard_numbers() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
    if (fcntl(number, F_GETFD) >= 0) continue;
    // The lowest free number is given out, and those below are taken.
    if (open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) != number) return false;
  }
  return true;
}

Result<Buffer, ReadError> read_to_end(const Descriptor& file, std::size_t bytes_max) {
  constexpr std::size_t step = 64 * 1024;
  Buffer all;
  for (;;) {
    const std::size_t before = all.size();
    all.resize(before + step);
    const ssize_t got = ::read(file.number(), all.data() + before, step);
    all.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(ReadError::unreadable);
    if (got == 0) return all;
    if (all.size() > bytes_max) return failure(ReadError::too_large);
  }
}

}  // namespace quoin::io
