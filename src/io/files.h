// The few files the gate keeps or is told of: read, replaced and appended to so that nobody else can put a word in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/descriptor.h"
#include "io/file_failure.h"
#include "io/folder.h"

namespace quoin::io {

enum class FileTrust {
  any,          // whatever can be read
  ours_linked,  // a regular file of ours or of root that nobody else may write or exchange; a link may lead to it
  ours_only,    // the same, and no link
  secret,       // the same, and nobody else may read it
};
// The way there is walked as io/trusted_path.h has it, unless anything will do.
Result<Buffer, FileFailure> read_file(const std::string& path, std::size_t bytes_max, FileTrust trust);
Result<Descriptor, FileFailure> open_for_reading(const std::string& path,
                                                 FileTrust trust = FileTrust::any);  // to be handed over
Result<Buffer, FileFailure> read_file(const Folder& folder, const std::string& name, std::size_t bytes_max);
Result<Descriptor, FileFailure> open_for_reading(const Folder& folder, const std::string& name);

// Debian's bundle of root certificates.
constexpr const char* system_roots_path = "/etc/ssl/certs/ca-certificates.crt";

// Writes beside it, syncs, renames over it and syncs the folder: after a crash there is the old content or the new.
// After a failure it is the old one, unless the disk itself refused the last step.
Result<void, FileFailure> replace_file(const Folder& folder, const std::string& name, Bytes content,
                                       std::uint32_t mode = 0600);

// A file that only grows (and shrinks once, to cut a torn end off). One process writes it.
class AppendFile {
 public:
  static Result<AppendFile, FileFailure> open(const Folder& folder, const std::string& name,
                                              std::uint32_t mode = 0600);  // trust: ours_only
  Result<void, FileFailure> append(Bytes record);                          // whole or not at all
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
  static Result<LockFile, FileFailure> take(const Folder& folder, const std::string& name);

 private:
  explicit LockFile(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace quoin::io
