#include "io/system_error.h"

#include <cerrno>
#include <system_error>

namespace quoin::io {

std::string SystemError::text() const {
  return what + ": " + std::system_category().message(code);
}

std::unexpected<SystemError> system_failure(std::string what) {
  const int code = errno;
  return std::unexpected(SystemError{std::move(what), code});
}

}  // namespace quoin::io
