// A folder that is held open, so that what is done in it is done in this one, whatever becomes of its path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/descriptor.h"
#include "io/file_failure.h"

namespace quoin::io {

struct FolderRule {
  std::uint32_t mode = 0700;
  std::optional<std::string> group;  // owns the folder; nothing is changed if there is no such group
  bool narrows = true;               // a folder that exists and gives more than `mode` is narrowed to it
};

class Folder {
 public:
  // Walks there (io/trusted_path.h), makes what is missing (parents 0755), and checks that the folder itself is ours,
  // no link, and writable by nobody else. One that exists keeps its mode if it gives no more than the rule, or if the
  // rule does not narrow.
  static Result<Folder, FileFailure> make(const std::string& path, const FolderRule& rule);
  // Whatever stands there: for a person who reads a copy of a state folder wherever they have put it.
  static Result<Folder, FileFailure> as_it_is(const std::string& path);

  int number() const { return folder_.number(); }
  std::string path_of(const std::string& name) const;  // for sentences, and for others to find it
  // A path that leads into this folder and no other, for calls that take nothing but a path (proc(5), /proc/PID/fd).
  std::string own_path_of(const std::string& name) const;

  Result<std::vector<std::string>, FileFailure> names() const;  // of what is in it, in no order

  void remove(const std::string& name) const;  // if it is there
  Result<void, FileFailure> sync() const;

 private:
  Folder(std::string path, Descriptor folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  std::string path_;
  Descriptor folder_;
};

}  // namespace quoin::io
