// The audit files and their head on disk, as the gate's AppendAudit describes: append, sync, then replace the head.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gate/audit_verifier.h"
#include "gate/effects.h"
#include "gate/gate.h"
#include "io/files.h"

namespace quoin::apps {

// Reads all of them and says whether they are whole. The error is a sentence: they cannot be read. No file at all is an
// empty one.
Result<gate::AuditVerdict, std::string> verify_audit(const io::Folder& state);
// Calls `piece` with the bytes of all files, from the first one's beginning.
Result<void, std::string> read_audit(const io::Folder& state, const std::function<void(Bytes)>& piece);

class AuditFiles {
 public:
  struct Opened;
  // Verifies, cuts a torn end off, and opens the last file for appending. The error is a sentence that says what to do.
  static Result<Opened, std::string> open(io::Folder state);

  // Whatever time the disk takes. One that fails leaves the files as they were, or an empty one more, and says why in a
  // sentence for the log.
  Result<void, std::string> perform(const gate::AppendAudit& append);

 private:
  AuditFiles(io::Folder state, io::AppendFile file, std::uint64_t number, std::string head)
      : state_(std::move(state)), file_(std::move(file)), number_(number), head_(std::move(head)) {}

  Result<io::AppendFile, io::FileFailure> begin(std::uint64_t number);
  Result<void, io::FileFailure> write(io::AppendFile& file, const gate::AppendAudit& append);
  bool take_back(io::AppendFile& file, const gate::AppendAudit& append, std::uint64_t before);

  io::Folder state_;
  io::AppendFile file_;  // the last one
  std::uint64_t number_;
  std::string head_;        // what the head file has; empty if there is none yet
  bool is_broken_ = false;  // an append could not be taken back: nothing is appended any more
};

struct AuditFiles::Opened {
  AuditFiles files;
  gate::AuditStart start;
};

}  // namespace quoin::apps
