#include "io/file_failure.h"

#include <cerrno>
#include <utility>

#include "io/system_error.h"

namespace quoin::io {
namespace {

FileError error_of(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR: return FileError::missing;
    case EACCES:
    case EPERM:
    case EROFS: return FileError::not_permitted;
    case ELOOP: return FileError::is_link;
    case EISDIR:
    case EEXIST: return FileError::wrong_kind;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return FileError::full;
    default: return FileError::failed;
  }
}

const char* advice(FileError error) {
  switch (error) {
    case FileError::missing: return "check the path";
    case FileError::not_permitted: return "check who owns it and its folders, and their rights";
    case FileError::is_link: return "name the file itself, not a link to it";
    case FileError::full: return "make room on the disk";
    case FileError::of_another:
    case FileError::open_to_others:
    case FileError::wrong_kind: return "move away what stands there";
    case FileError::too_large:
    case FileError::taken:
    case FileError::failed: return "check the disk";
  }
  std::unreachable();
}

}  // namespace

std::unexpected<FileFailure> file_failure(FileError error, std::string text) {
  return std::unexpected(FileFailure{error, std::move(text)});
}

std::unexpected<FileFailure> file_failure(const std::string& doing, const std::string& path) {
  const int code = errno;
  const FileError error = error_of(code);
  return file_failure(error, SystemError{"cannot " + doing + " " + path, code}.text() + "; " + advice(error));
}

}  // namespace quoin::io
