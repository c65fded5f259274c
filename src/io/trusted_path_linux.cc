#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <deque>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/trusted_path.h"

namespace quoin::io {
namespace {

constexpr int links_max = 16;
constexpr mode_t others_may_write = S_IWGRP | S_IWOTH;
constexpr mode_t permission_bits = 07777;

bool is_trusted(uid_t owner) {
  return owner == 0 || owner == geteuid();
}

std::string mode_text(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & permission_bits);
  return text.data();
}

class Walk {
 public:
  Walk(const std::string& path, LastPart last, MissingFolders missing) : asked_(path), last_(last), missing_(missing) {}

  Result<Place, FileFailure> go() {
    if (!asked_.starts_with('/')) {
      std::array<char, PATH_MAX> here;
      if (getcwd(here.data(), here.size()) == nullptr) return file_failure("find the folder this runs in, for", asked_);
      put_before_the_rest(here.data() + std::string("/"));
      for (const std::string& part : parts_of(asked_)) rest_.push_back(part);
    } else {
      put_before_the_rest(asked_);
    }
    TRY(begin_at_the_root());
    while (!rest_.empty()) {
      const std::string part = std::move(rest_.front());
      rest_.pop_front();
      const bool is_last = rest_.empty() && part != "..";
      if (is_last && last_ == LastPart::as_it_is) return Place{std::move(at_), path_, part};
      TRY(step(part, is_last));
      if (is_last && !went_on_) return Place{std::move(at_), path_, part};
    }
    return Place{std::move(at_), path_, "."};
  }

 private:
  static std::deque<std::string> parts_of(const std::string& path) {
    std::deque<std::string> parts;
    for (std::size_t from = 0; from < path.size();) {
      const std::size_t to = std::min(path.find('/', from), path.size());
      const std::string part = path.substr(from, to - from);
      if (!part.empty() && part != ".") parts.push_back(part);
      from = to + 1;
    }
    return parts;
  }

  void put_before_the_rest(const std::string& path) {
    const auto parts = parts_of(path);
    rest_.insert(rest_.begin(), parts.begin(), parts.end());
  }

  std::string path_of(const std::string& part) const { return path_ == "/" ? "/" + part : path_ + "/" + part; }

  Result<void, FileFailure> begin_at_the_root() {
    path_ = "/";
    Descriptor root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return file_failure("open", path_);
    return enter(std::move(root), path_);
  }

  // Into the folder of this name, or to where the link of this name leads; or, at the last part, nowhere, if that is
  // neither: what stands there is the caller's.
  Result<void, FileFailure> step(const std::string& part, bool is_last) {
    went_on_ = false;
    const std::string path = path_of(part);
    Descriptor next = open_part(part);
    if (!next && errno == ENOENT && missing_ == MissingFolders::made && !is_last) {
      if (mkdirat(at_.number(), part.c_str(), 0755) != 0 && errno != EEXIST)
        return file_failure("make the folder", path);
      next = open_part(part);
    }
    if (!next && is_last) return {};
    if (!next) return file_failure("open", path);
    struct stat found{};
    if (fstat(next.number(), &found) != 0) return file_failure("look at", path);
    if (S_ISLNK(found.st_mode)) return follow(next, path, found.st_uid);
    if (is_last) return {};
    if (!S_ISDIR(found.st_mode)) {
      errno = ENOTDIR;
      return file_failure("open", path);
    }
    return enter(std::move(next), path);
  }

  Descriptor open_part(const std::string& part) const {
    return Descriptor(openat(at_.number(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }

  Result<void, FileFailure> enter(Descriptor folder, const std::string& path) {
    struct stat found{};
    if (fstat(folder.number(), &found) != 0) return file_failure("look at", path);
    const std::string named = path + " (mode " + mode_text(found.st_mode) + "), on the way to " + asked_ + ", ";
    const std::string or_else = ", or choose a path where only root and the user who runs this may write";
    if (!is_trusted(found.st_uid)) {
      return file_failure(FileError::of_another, named + "belongs to user " + std::to_string(found.st_uid) +
                                                     ", who could exchange what it holds: give it to the user who runs "
                                                     "this" +
                                                     or_else);
    }
    const bool is_open = (found.st_mode & others_may_write) != 0;
    if (is_open && (found.st_mode & S_ISVTX) == 0) {
      return file_failure(FileError::open_to_others, named +
                                                         "may be written by others, who could exchange what it holds: "
                                                         "take that right away (chmod go-w " +
                                                         path + ")" + or_else);
    }
    at_ = std::move(folder);
    path_ = path;
    others_write_here_ = is_open;
    went_on_ = true;
    return {};
  }

  Result<void, FileFailure> follow(const Descriptor& link, const std::string& path, uid_t owner) {
    if (!is_trusted(owner) || others_write_here_) {
      return file_failure(FileError::is_link, path + ", on the way to " + asked_ + ", is a symbolic link that others " +
                                                  (others_write_here_ ? "could have put there" : "own") +
                                                  ": name the folder that it leads to");
    }
    std::array<char, PATH_MAX> target;
    const ssize_t length = readlinkat(link.number(), "", target.data(), target.size());
    if (length <= 0) return file_failure("read the link", path);
    if (++links_ > links_max) {
      return file_failure(FileError::is_link, asked_ + " leads over more than " + std::to_string(links_max) +
                                                  " links: name the file itself");
    }
    const std::string text(target.data(), static_cast<std::size_t>(length));
    put_before_the_rest(text);
    went_on_ = true;
    if (text.starts_with('/')) return begin_at_the_root();
    return {};
  }

  const std::string& asked_;
  LastPart last_;
  MissingFolders missing_;
  std::deque<std::string> rest_;  // of the way
  Descriptor at_;
  std::string path_;
  bool others_write_here_ = false;
  bool went_on_ = false;  // with the last step
  int links_ = 0;
};

}  // namespace

Result<Place, FileFailure> walk_to(const std::string& path, LastPart last, MissingFolders missing) {
  return Walk(path, last, missing).go();
}

}  // namespace quoin::io
