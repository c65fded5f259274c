// What a system call refused, in words that a person can act on: "bind 0.0.0.0:41641: Address already in use".
#pragma once

#include <string>

#include "base/result.h"

namespace quoin::io {

struct SystemError {
  std::string what;  // what was tried
  int code = 0;      // errno

  std::string text() const;
};

// The error that the last system call of this thread left.
std::unexpected<SystemError> system_failure(std::string what);

}  // namespace quoin::io
