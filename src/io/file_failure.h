// What was refused of a file or a folder: an error, and a sentence that names the path and says what to do.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace quoin::io {

enum class FileError : std::uint8_t {
  missing,
  not_permitted,
  is_link,         // a symbolic link stands where a file or folder of ours should be
  of_another,      // somebody else owns it, or a folder on the way to it
  open_to_others,  // others may write there
  wrong_kind,      // a folder for a file, or the other way round
  too_large,
  full,   // no space, or over quota
  taken,  // another process holds the lock
  failed,
};
struct FileFailure {
  FileError error;
  std::string text;
};

std::unexpected<FileFailure> file_failure(FileError error, std::string text);
// The error that the last system call of this thread left: "cannot DOING PATH: ..."
std::unexpected<FileFailure> file_failure(const std::string& doing, const std::string& path);

}  // namespace quoin::io
