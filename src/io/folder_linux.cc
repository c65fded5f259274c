#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/accounts.h"
#include "io/folder.h"
#include "io/trusted_path.h"

namespace quoin::io {
namespace {

constexpr mode_t others_may_write = S_IWGRP | S_IWOTH;
constexpr mode_t permission_bits = 07777;

Result<void, FileFailure> give(int folder, const std::string& path, const FolderRule& rule) {
  if (const auto group = rule.group ? group_number(*rule.group) : std::nullopt) {
    if (fchown(folder, static_cast<uid_t>(-1), *group) != 0) return file_failure("set the group of", path);
  }
  if (fchmod(folder, rule.mode) != 0) return file_failure("set the mode of", path);
  return {};
}

// What make() promises, of a folder that exists.
Result<void, FileFailure> check(int folder, const std::string& path, const FolderRule& rule) {
  struct stat found{};
  if (fstat(folder, &found) != 0) return file_failure("look at", path);
  if (found.st_uid != geteuid()) {
    return file_failure(FileError::of_another, path + " belongs to another user; give it to the user who runs this");
  }
  if ((found.st_mode & others_may_write) != 0) {
    return file_failure(FileError::open_to_others,
                        path + " may be written by others; take that right away (chmod go-w)");
  }
  const bool gives_more = (found.st_mode & permission_bits & ~rule.mode) != 0;
  if (rule.narrows && gives_more && fchmod(folder, rule.mode) != 0) return file_failure("set the mode of", path);
  return {};
}

}  // namespace

Result<Folder, FileFailure> Folder::make(const std::string& asked, const FolderRule& rule) {
  std::string path = asked;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const Place place = TRY(walk_to(path, LastPart::as_it_is, MissingFolders::made));
  const bool made = mkdirat(place.folder.number(), place.name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST && errno != EROFS) return file_failure("make the folder", path);
  struct stat found{};
  if (fstatat(place.folder.number(), place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return file_failure("look at", path);
  }
  if (S_ISLNK(found.st_mode)) {
    return file_failure(FileError::is_link, path + " is a symbolic link; name the folder itself");
  }
  if (!S_ISDIR(found.st_mode)) return file_failure(FileError::wrong_kind, path + " is not a folder");
  Descriptor folder(openat(place.folder.number(), place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return file_failure("open the folder", path);
  if (made) TRY(give(folder.number(), path, rule));
  TRY(check(folder.number(), path, rule));
  return Folder(std::move(path), std::move(folder));
}

Result<Folder, FileFailure> Folder::as_it_is(const std::string& path) {
  Descriptor folder(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));  // its files may be readable if it is not
  if (!folder) return file_failure("open the folder", path);
  return Folder(path, std::move(folder));
}

std::string Folder::path_of(const std::string& name) const {
  return path_ == "/" ? "/" + name : path_ + "/" + name;
}

std::string Folder::own_path_of(const std::string& name) const {
  return "/proc/self/fd/" + std::to_string(folder_.number()) + "/" + name;
}

Result<std::vector<std::string>, FileFailure> Folder::names() const {
  // Opened anew: where one has read to is a matter of the descriptor.
  Descriptor again(openat(folder_.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) return file_failure("open the folder", path_);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(again.number()), &closedir);
  if (!entries) return file_failure("read the folder", path_);
  static_cast<void>(again.release());
  std::vector<std::string> names;
  for (errno = 0; const dirent* entry = readdir(entries.get());) names.emplace_back(entry->d_name);
  if (errno != 0) return file_failure("read the folder", path_);
  return names;
}

void Folder::remove(const std::string& name) const {
  unlinkat(folder_.number(), name.c_str(), 0);
}

Result<void, FileFailure> Folder::sync() const {
  if (fsync(folder_.number()) != 0) return file_failure("sync the folder", path_);
  return {};
}

}  // namespace quoin::io
