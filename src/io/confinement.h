// Takes from this process, and from all that it starts, the right to change any file outside of a few folders
// (landlock(7)). Root needs no permission to write anywhere; with this, it is refused all the same.
#pragma once

#include <string>
#include <vector>

#include "io/system_error.h"

namespace quoin::io {

struct Writable {
  std::vector<std::string> file_folders;    // regular files may be made, written, cut and removed there, and beneath
  std::vector<std::string> socket_folders;  // sockets may be made there, and removed
};
// What is open already stays as it is, and everything can be read as before. False where the kernel does not have this,
// or it is switched off there. To be called before any thread is started (each has its own), after new privileges have
// been refused.
Result<bool, SystemError> write_only_to(const Writable& writable);

// And the calls that Landlock does not know: from now on this process, and all that it starts, changes no file's mode,
// owner or attributes, enters no namespace, mounts nothing and traces nobody; each of these fails with EPERM
// (seccomp(2)). False where the kernel does not have filters. To be called as the former.
bool refuse_changes_of_rights();

}  // namespace quoin::io
