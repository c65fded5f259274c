// The audit file and its head on disk, as the gate's AppendAudit describes: append, sync, then replace the head.
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

// Reads both and says whether they are whole. The error is a sentence: they cannot be read. No file at all is an empty
// one.
Result<gate::AuditVerdict, std::string> verify_audit(const io::Folder& state);
// Calls `piece` with the file's bytes from its beginning.
Result<void, std::string> read_audit(const io::Folder& state, const std::function<void(Bytes)>& piece);

class AuditFiles {
 public:
  struct Opened;
  // Verifies, cuts a torn end off, and opens for appending. The error is a sentence that says what to do.
  static Result<Opened, std::string> open(io::Folder state);

  // Whatever time the disk takes. One that fails leaves the file as it was, and says why in a sentence for the log.
  Result<void, std::string> perform(const gate::AppendAudit& append);

 private:
  AuditFiles(io::Folder state, io::AppendFile file, std::string head)
      : state_(std::move(state)), file_(std::move(file)), head_(std::move(head)) {}

  bool take_back(const gate::AppendAudit& append, std::uint64_t before);

  io::Folder state_;
  io::AppendFile file_;
  std::string head_;        // what the head file has; empty if there is none yet
  bool is_broken_ = false;  // an append could not be taken back: nothing is appended any more
};

struct AuditFiles::Opened {
  AuditFiles files;
  gate::AuditStart start;
};

}  // namespace quoin::apps
