// Calls back after any of some files may have changed: written, replaced, removed, made, or led elsewhere by a link
// (inotify(7)).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/readiness.h"
#include "io/system_error.h"

namespace quoin::io {

class FileWatch {
 public:
  // Absolute paths; neither a file nor its folder need be there. Calls back at least once for a change, and perhaps for
  // a neighbour's.
  static Result<std::unique_ptr<FileWatch>, SystemError> watch(Loop& loop, std::vector<std::string> paths,
                                                               Callback changed);

 private:
  FileWatch(Loop& loop, Descriptor events, std::vector<std::string> paths, Callback changed);
  void look_at_paths();
  void watch_folder(const std::filesystem::path& folder);
  bool watch_one(const std::filesystem::path& path);
  void wait();

  Readiness events_;
  std::vector<std::string> paths_;
  std::shared_ptr<Callback> changed_;
};

}  // namespace quoin::io
