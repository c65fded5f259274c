// Calls back after any of some files may have changed: written, replaced, removed, made, or led elsewhere by a link
// (inotify(7)).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/readiness.h"
#include "io/system_error.h"

namespace quoin::io {

class FileWatch {
 public:
  // Absolute paths; a file need not be there. Calls back at least once for a change, and perhaps for a neighbour's.
  static Result<std::unique_ptr<FileWatch>, SystemError> watch(Loop& loop, std::vector<std::string> paths,
                                                               Callback changed);

 private:
  FileWatch(Loop& loop, Descriptor events, std::vector<std::string> paths, Callback changed);
  void look_at_paths();
  void wait();

  Readiness events_;
  std::vector<std::string> paths_;
  std::shared_ptr<Callback> changed_;
};

}  // namespace quoin::io
