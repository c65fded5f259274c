#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/files.h"
#include "io/trusted_path.h"

namespace quoin::io {

namespace {

constexpr mode_t others_may_write = S_IWGRP | S_IWOTH;
constexpr mode_t others_may_read = S_IRGRP | S_IROTH;
constexpr int reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

bool is_ours(const struct stat& found) {
  return found.st_uid == geteuid() || found.st_uid == 0;
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

Result<Buffer, FileFailure> read_whole(const Descriptor& file, const std::string& path, std::size_t bytes_max) {
  auto content = read_to_end(file, bytes_max);
  if (content) return std::move(*content);
  if (content.error() == ReadError::unreadable) return file_failure("read", path);
  return file_failure(FileError::too_large,
                      path + " is larger than the " + std::to_string(bytes_max) + " bytes allowed");
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

Result<Buffer, FileFailure> read_file(const std::string& path, std::size_t bytes_max, FileTrust trust) {
  return read_whole(TRY(open_for_reading(path, trust)), path, bytes_max);
}

Result<Buffer, FileFailure> read_file(const Folder& folder, const std::string& name, std::size_t bytes_max) {
  return read_whole(TRY(open_for_reading(folder, name)), folder.path_of(name), bytes_max);
}

Result<Descriptor, FileFailure> open_for_reading(const std::string& path, FileTrust trust) {
  Descriptor file;
  if (trust == FileTrust::any) {
    file = Descriptor(open(path.c_str(), reading));
  } else {
    const auto last = trust == FileTrust::ours_linked ? LastPart::followed : LastPart::as_it_is;
    const Place place = TRY(walk_to(path, last, MissingFolders::refused));
    file = Descriptor(openat(place.folder.number(), place.name.c_str(), reading | O_NOFOLLOW));
  }
  if (!file) return file_failure("open", path);
  TRY(check_file(file.number(), path, trust));
  return file;
}

Result<Descriptor, FileFailure> open_for_reading(const Folder& folder, const std::string& name) {
  Descriptor file(openat(folder.number(), name.c_str(), reading));
  if (!file) return file_failure("open", folder.path_of(name));
  TRY(check_file(file.number(), folder.path_of(name), FileTrust::any));
  return file;
}

Result<void, FileFailure> replace_file(const Folder& folder, const std::string& name, Bytes content,
                                       std::uint32_t mode) {
  const std::string beside = name + ".new";
  const int in = folder.number();
  folder.remove(beside);  // of a run that was cut short
  Descriptor file(openat(in, beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) return file_failure("make", folder.path_of(beside));
  if (!write_all(file.number(), content) || fsync(file.number()) != 0 ||
      renameat(in, beside.c_str(), in, name.c_str()) != 0) {
    const auto why = file_failure("write", folder.path_of(name));
    folder.remove(beside);
    return why;
  }
  return folder.sync();
}

Result<AppendFile, FileFailure> AppendFile::open(const Folder& folder, const std::string& name, std::uint32_t mode) {
  constexpr int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const std::string path = folder.path_of(name);
  Descriptor file(openat(folder.number(), name.c_str(), flags));
  if (!file && errno == ENOENT) {
    file = Descriptor(openat(folder.number(), name.c_str(), flags | O_CREAT | O_EXCL, mode));
    if (file) TRY(folder.sync());
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

Result<LockFile, FileFailure> LockFile::take(const Folder& folder, const std::string& name) {
  const std::string path = folder.path_of(name);
  Descriptor file(openat(folder.number(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600));
  if (!file) return file_failure("open", path);
  TRY(check_file(file.number(), path, FileTrust::ours_only));
  if (flock(file.number(), LOCK_EX | LOCK_NB) == 0) return LockFile(std::move(file));
  if (errno == EWOULDBLOCK) return file_failure(FileError::taken, "another process holds " + path);
  return file_failure("lock", path);
}

}  // namespace quoin::io
