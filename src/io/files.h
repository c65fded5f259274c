// The few files and folders the gate keeps: made, checked, read and replaced so that nobody else can put a word in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/descriptor.h"

namespace quoin::io {

enum class FileError : std::uint8_t {
  missing,
  not_permitted,
  is_link,         // a symbolic link stands where a file or folder of ours should be
  of_another,      // somebody else owns it
  open_to_others,  // others may write there
  wrong_kind,      // a folder for a file, or the other way round
  too_large,
  full,   // no space, or over quota
  taken,  // another process holds the lock
  failed,
};
struct FileFailure {
  FileError error;
  std::string text;  // a sentence that names the path
};

struct FolderRule {
  std::uint32_t mode = 0700;
  std::optional<std::string> group;  // owns the folder; nothing is changed if there is no such group
  bool narrows = true;               // a folder that exists and gives more than `mode` is narrowed to it
};

// Makes what is missing of the path (parents 0755), then checks that the folder is ours, no link, and writable by
// nobody else. A folder that exists keeps its mode if it gives no more than the rule, or if the rule does not narrow.
Result<void, FileFailure> make_folder(const std::string& path, const FolderRule& rule);

enum class FileTrust {
  any,          // whatever can be read
  ours_linked,  // a regular file of ours or of root that nobody else may write; a link may lead to it
  ours_only,    // a regular file of ours or of root, no link, that nobody else may write
  secret,       // the same, and nobody else may read it
};
Result<Buffer, FileFailure> read_file(const std::string& path, std::size_t bytes_max, FileTrust trust);
Result<Descriptor, FileFailure> open_for_reading(const std::string& path,
                                                 FileTrust trust = FileTrust::any);  // to be handed over

// Debian's bundle of root certificates.
constexpr const char* system_roots_path = "/etc/ssl/certs/ca-certificates.crt";

// Writes beside it, syncs, renames over it and syncs the folder: after a crash there is the old content or the new.
// After a failure it is the old one, unless the disk itself refused the last step.
Result<void, FileFailure> replace_file(const std::string& path, Bytes content, std::uint32_t mode = 0600);

// A file that only grows (and shrinks once, to cut a torn end off). One process writes it.
class AppendFile {
 public:
  static Result<AppendFile, FileFailure> open(const std::string& path, std::uint32_t mode = 0600);  // trust: ours_only
  Result<void, FileFailure> append(Bytes record);  // whole or not at all
  Result<void, FileFailure> sync();
  Result<void, FileFailure> cut(std::uint64_t bytes);  // the file's new length
  std::uint64_t size() const { return size_; }

 private:
  AppendFile(std::string path, Descriptor file, std::uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  std::string path_;
  Descriptor file_;
  std::uint64_t size_;
};

// Held by one process at a time, and let go when that ends in whatever way.
class LockFile {
 public:
  static Result<LockFile, FileFailure> take(const std::string& path);

 private:
  explicit LockFile(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace quoin::io
