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

std::string audit_file_path(const std::string& state_dir);
std::string audit_head_path(const std::string& state_dir);

// Reads both and says whether they are whole. The error is a sentence: they cannot be read. No file at all is an empty
// one.
Result<gate::AuditVerdict, std::string> verify_audit(const std::string& audit_file, const std::string& audit_head);
// Calls `piece` with the file's bytes from its beginning.
Result<void, std::string> read_audit(const std::string& audit_file, const std::function<void(Bytes)>& piece);

class AuditFiles {
 public:
  struct Opened;
  // Verifies, cuts a torn end off, and opens for appending. The error is a sentence that says what to do.
  static Result<Opened, std::string> open(const std::string& state_dir);

  // Whatever time the disk takes. One that fails leaves the file as it was, and says why in a sentence for the log.
  Result<void, std::string> perform(const gate::AppendAudit& append);

 private:
  AuditFiles(io::AppendFile file, std::string head_path, std::string head)
      : file_(std::move(file)), head_path_(std::move(head_path)), head_(std::move(head)) {}

  bool take_back(const gate::AppendAudit& append, std::uint64_t before);

  io::AppendFile file_;
  std::string head_path_;
  std::string head_;        // what the head file has; empty if there is none yet
  bool is_broken_ = false;  // an append could not be taken back: nothing is appended any more
};

struct AuditFiles::Opened {
  AuditFiles files;
  gate::AuditStart start;
};

}  // namespace quoin::apps
