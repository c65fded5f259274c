#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/accounts.h"
#include "io/files.h"
#include "io/system_error.h"

namespace quoin::io {

namespace {

constexpr mode_t others_may_write = S_IWGRP | S_IWOTH;
constexpr mode_t others_may_read = S_IRGRP | S_IROTH;
constexpr mode_t permission_bits = 07777;

std::unexpected<FileFailure> file_failure(FileError error, std::string text) {
  return std::unexpected(FileFailure{error, std::move(text)});
}

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
  return "check the disk";
}

std::unexpected<FileFailure> file_failure(const std::string& doing, const std::string& path) {
  const int code = errno;
  const FileError error = error_of(code);
  return file_failure(error, SystemError{"cannot " + doing + " " + path, code}.text() + "; " + advice(error));
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_ours(const struct stat& found) {
  return found.st_uid == geteuid() || found.st_uid == 0;
}

// What make_folder promises, of a folder that exists.
Result<void, FileFailure> check_folder(const std::string& path, const FolderRule& rule) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) return file_failure("look at", path);
  if (S_ISLNK(found.st_mode))
    return file_failure(FileError::is_link, path + " is a symbolic link; name the folder itself");
  if (!S_ISDIR(found.st_mode)) return file_failure(FileError::wrong_kind, path + " is not a folder");
  if (found.st_uid != geteuid()) {
    return file_failure(FileError::of_another, path + " belongs to another user; give it to the user who runs this");
  }
  if ((found.st_mode & others_may_write) != 0) {
    return file_failure(FileError::open_to_others,
                        path + " may be written by others; take that right away (chmod go-w)");
  }
  const bool gives_more = (found.st_mode & permission_bits & ~rule.mode) != 0;
  if (rule.narrows && gives_more && chmod(path.c_str(), rule.mode) != 0) return file_failure("set the mode of", path);
  return {};
}

Result<void, FileFailure> check_file(int file, const std::string& path, FileTrust trust) {
  struct stat found{};
  if (fstat(file, &found) != 0) return file_failure("look at", path);
  if (S_ISDIR(found.st_mode)) return file_failure(FileError::wrong_kind, path + " is a folder, not a file");
  if (trust == FileTrust::any) return {};
  if (!S_ISREG(found.st_mode)) return file_failure(FileError::wrong_kind, path + " is not a regular file");
  if (!is_ours(found)) {
    return file_failure(FileError::of_another, path + " belongs to another user; give it to the user who runs this");
  }
  if ((found.st_mode & others_may_write) != 0) {
    return file_failure(FileError::open_to_others,
                        path + " may be written by others; take that right away (chmod go-w)");
  }
  if (trust == FileTrust::secret && (found.st_mode & others_may_read) != 0) {
    return file_failure(FileError::open_to_others, path + " may be read by others; take that right away (chmod go-r)");
  }
  return {};
}

Descriptor open_folder_of(const std::string& path) {
  return Descriptor(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Result<void, FileFailure> sync_folder_of(const std::string& path) {
  const Descriptor folder = open_folder_of(path);
  if (!folder || fsync(folder.number()) != 0) return file_failure("sync the folder of", path);
  return {};
}

bool write_all(int file, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

Result<void, FileFailure> make_folder(const std::string& asked, const FolderRule& rule) {
  std::string path = asked;  // a slash at its end would follow a link
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST && errno != EROFS) {
      return file_failure("make the folder", path.substr(0, slash));
    }
  }
  const bool made = mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return file_failure("make the folder", path);
  if (made) {
    if (const auto group = rule.group ? group_number(*rule.group) : std::nullopt) {
      if (lchown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return file_failure("set the group of", path);
    }
    if (chmod(path.c_str(), rule.mode) != 0) return file_failure("set the mode of", path);
  }
  return check_folder(path, rule);
}

Result<Buffer, FileFailure> read_file(const std::string& path, std::size_t bytes_max, FileTrust trust) {
  const Descriptor file = TRY(open_for_reading(path, trust));
  auto content = read_to_end(file, bytes_max);
  if (content) return std::move(*content);
  if (content.error() == ReadError::unreadable) return file_failure("read", path);
  return file_failure(FileError::too_large,
                      path + " is larger than the " + std::to_string(bytes_max) + " bytes allowed");
}

Result<Descriptor, FileFailure> open_for_reading(const std::string& path, FileTrust trust) {
  const int follow = trust == FileTrust::any || trust == FileTrust::ours_linked ? 0 : O_NOFOLLOW;
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | follow));
  if (!file) return file_failure("open", path);
  TRY(check_file(file.number(), path, trust));
  return file;
}

Result<void, FileFailure> replace_file(const std::string& path, Bytes content, std::uint32_t mode) {
  const std::string beside = path + ".new";
  unlink(beside.c_str());                          // of a run that was cut short
  const Descriptor folder = open_folder_of(path);  // before the new content is there: this may fail
  if (!folder) return file_failure("open the folder of", path);
  Descriptor file(open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) return file_failure("make", beside);
  if (!write_all(file.number(), content) || fsync(file.number()) != 0 || rename(beside.c_str(), path.c_str()) != 0) {
    const auto why = file_failure("write", path);
    unlink(beside.c_str());
    return why;
  }
  if (fsync(folder.number()) != 0) return file_failure("sync the folder of", path);
  return {};
}

Result<AppendFile, FileFailure> AppendFile::open(const std::string& path, std::uint32_t mode) {
  constexpr int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  Descriptor file(::open(path.c_str(), flags));
  if (!file && errno == ENOENT) {
    file = Descriptor(::open(path.c_str(), flags | O_CREAT | O_EXCL, mode));
    if (file) TRY(sync_folder_of(path));
  }
  if (!file) return file_failure("open", path);
  TRY(check_file(file.number(), path, FileTrust::ours_only));
  struct stat found{};
  if (fstat(file.number(), &found) != 0) return file_failure("look at", path);
  return AppendFile(path, std::move(file), static_cast<std::uint64_t>(found.st_size));
}

Result<void, FileFailure> AppendFile::append(Bytes record) {
  if (!write_all(file_.number(), record)) {
    const auto why = file_failure("append to", path_);
    if (ftruncate(file_.number(), static_cast<off_t>(size_)) != 0) {
      return file_failure(FileError::failed, path_ + " has a torn record at its end that cannot be cut off");
    }
    return why;
  }
  size_ += record.size();
  return {};
}

Result<void, FileFailure> AppendFile::sync() {
  if (fdatasync(file_.number()) != 0) return file_failure("sync", path_);
  return {};
}

Result<void, FileFailure> AppendFile::cut(std::uint64_t bytes) {
  if (ftruncate(file_.number(), static_cast<off_t>(bytes)) != 0) return file_failure("cut", path_);
  size_ = bytes;
  return sync();
}

Result<LockFile, FileFailure> LockFile::take(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600));
  if (!file) return file_failure("open", path);
  TRY(check_file(file.number(), path, FileTrust::ours_only));
  if (flock(file.number(), LOCK_EX | LOCK_NB) == 0) return LockFile(std::move(file));
  if (errno == EWOULDBLOCK) return file_failure(FileError::taken, "another process holds " + path);
  return file_failure("lock", path);
}

}  // namespace quoin::io
