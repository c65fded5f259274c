// Reads the audit files from the first one's beginning, in pieces, and says whether they are whole.
//
// Two things are repaired on start, because a crash can leave them: valid lines beyond the head (synced, but the head
// not yet replaced), and one torn last line (without its newline). Everything else is tampering: a line that was
// edited, moved, inserted or taken out, a file that is missing, and one that ends before its head. A crash between two
// files leaves the newer one empty, or with a torn first line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "gate/audit_chain.h"

namespace quoin::gate {

enum class AuditFault {
  not_a_record,       // a line that is not in the form of a record
  wrong_sequence,     // lines missing, repeated or in another order
  wrong_hash,         // the line or its predecessor was edited
  differs_from_head,  // the chain is whole in itself, but is not the one that the head belongs to
  behind_head,        // lines at the end are missing
  head_missing,       // records, but no head
  head_unreadable,
  not_continued,  // a file's first record does not name the one before it
  file_missing,
};

struct AuditVerdict {
  std::uint64_t records = 0;  // valid ones from the beginning
  AuditHead last;             // after them
  std::uint64_t records_beyond_head = 0;
  std::uint64_t file = 1;         // the last one that was read
  std::uint64_t bytes_valid = 0;  // of the last file: it is cut to this length before anything is appended
  std::uint64_t bytes_torn = 0;   // of the last line
  struct Fault {
    AuditFault what;
    std::uint64_t line;  // from 1; for behind_head the first one missing; 0 where the head file is meant
    std::uint64_t file;  // that it is a line of
  };
  std::optional<Fault> fault;  // tampering

  bool whole() const { return !fault && records_beyond_head == 0 && bytes_torn == 0; }
  std::string sentence() const;  // for the person who asked: what is wrong, where, and what to do
};

class AuditVerifier {
 public:
  // head_file: what the head file holds; nothing if there is none.
  explicit AuditVerifier(std::optional<std::string_view> head_file);

  void feed(Bytes piece);
  void next_file(std::uint64_t number);  // what is fed from here on is of that one
  AuditVerdict finish();

 private:
  void line(std::string_view text);
  std::uint64_t line_here() const { return verdict_.records + 1 - records_before_file_; }
  void fault(AuditFault what, std::uint64_t line);

  std::optional<AuditHead> head_;
  bool head_present_;
  std::string partial_;  // of the line being read; bounded
  std::uint64_t records_before_file_ = 0;
  AuditVerdict verdict_;
};

}  // namespace quoin::gate
