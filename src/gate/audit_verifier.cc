#include "gate/audit_verifier.h"

#include <algorithm>

namespace quoin::gate {

AuditVerifier::AuditVerifier(std::optional<std::string_view> head_file) : head_present_(head_file.has_value()) {
  if (head_file) head_ = AuditHead::parse(*head_file);
  if (head_present_ && !head_) fault(AuditFault::head_unreadable, 0);
}

void AuditVerifier::feed(Bytes piece) {
  std::string_view text = text_of(piece);
  while (!text.empty() && !verdict_.fault) {
    const std::size_t newline = text.find('\n');
    const std::string_view part = text.substr(0, newline);
    // One byte over the limit is kept, so that the line is seen to be too long.
    partial_ += part.substr(0, std::min(part.size(), audit_line_bytes_max + 1 - partial_.size()));
    if (newline == std::string_view::npos) return;
    line(partial_);
    partial_.clear();
    text.remove_prefix(newline + 1);
  }
}

void AuditVerifier::next_file(std::uint64_t number) {
  if (verdict_.fault) return;
  // A file is begun only once all of the one before it is on disk.
  if (!partial_.empty()) return fault(AuditFault::not_a_record, line_here());
  if (number != verdict_.file + 1 || verdict_.bytes_valid == 0) {
    if (number != verdict_.file + 1) verdict_.file++;
    return fault(AuditFault::file_missing, 0);
  }
  verdict_.file = number;
  verdict_.bytes_valid = 0;
  records_before_file_ = verdict_.records;
}

void AuditVerifier::line(std::string_view text) {
  const std::uint64_t number = verdict_.records + 1;
  const std::uint64_t line = line_here();
  const auto parts = take_apart(text);
  if (!parts) return fault(AuditFault::not_a_record, line);
  if (parts->sequence != number) return fault(AuditFault::wrong_sequence, line);
  if (chain_hash(verdict_.last.hash, parts->hashed) != parts->hash) return fault(AuditFault::wrong_hash, line);
  if (head_ && head_->sequence == number && head_->hash != parts->hash) {
    return fault(AuditFault::differs_from_head, line);
  }
  if (verdict_.file > 1 && line == 1) {
    const AuditPlace before{verdict_.last, verdict_.file - 1, 0};
    if (!parts->hashed.ends_with("," + members_of(continuation(before)))) return fault(AuditFault::not_continued, line);
  }
  verdict_.records = number;
  verdict_.last = {number, std::string(parts->hash)};
  verdict_.bytes_valid += text.size() + 1;
}

AuditVerdict AuditVerifier::finish() {
  if (verdict_.fault) return verdict_;
  verdict_.bytes_torn = partial_.size();
  if (partial_.size() >= audit_line_bytes_max) {
    fault(AuditFault::not_a_record, line_here());
  } else if (!head_present_ && verdict_.records > 1) {
    // Only the very first append can have been interrupted before there was a head, and it holds one record.
    fault(AuditFault::head_missing, 0);
  } else if (head_ && head_->sequence > verdict_.records) {
    fault(AuditFault::behind_head, line_here());
  } else if (head_ && head_->sequence == 0 && *head_ != AuditHead()) {
    fault(AuditFault::head_unreadable, 0);
  } else {
    verdict_.records_beyond_head = verdict_.records - (head_ ? head_->sequence : 0);
  }
  return verdict_;
}

void AuditVerifier::fault(AuditFault what, std::uint64_t line) {
  verdict_.fault = AuditVerdict::Fault{what, line, verdict_.file};
}

std::string AuditVerdict::sentence() const {
  const std::string which = file == 1 ? "audit file" : "audit file " + audit_file_name(file);
  const std::string so_far = std::to_string(records) + (records == 1 ? " record" : " records");
  if (!fault) {
    std::string out =
        file == 1 ? "The audit file is whole: " : "The " + std::to_string(file) + " audit files are whole: ";
    out += so_far + ".";
    if (records_beyond_head > 0) {
      out += " " + std::to_string(records_beyond_head) +
             " of them lie beyond the head, as after a crash or a running agent.";
    }
    if (bytes_torn > 0) {
      out += " A last line of " + std::to_string(bytes_torn) +
             " bytes was cut short; the agent takes it off when it starts.";
    }
    return out;
  }
  const std::string at = "line " + std::to_string(fault->line);
  const std::string then = " The first " + so_far + " can be trusted. Keep " +
                           (file == 1 ? "both files" : "all the files") + ", and move them away to start anew.";
  switch (fault->what) {
    case AuditFault::not_a_record: return "The " + which + " has been changed: " + at + " is not a record." + then;
    case AuditFault::wrong_sequence:
      return "The " + which + " has been changed: at " + at + " a record is missing, repeated or out of order." + then;
    case AuditFault::wrong_hash:
      return "The " + which + " has been changed: " + at + " or the one before it was edited." + then;
    case AuditFault::differs_from_head:
      return "The " + which + " has been exchanged: " + at + " is not the record that the head names." + then;
    case AuditFault::behind_head:
      return "The " + which + " has been cut: it ends before " + at + ", which the head says was written." + then;
    case AuditFault::head_missing:
      return "The audit file's head is missing, so nobody can say whether records were cut off its end." + then;
    case AuditFault::not_continued:
      return "The " + which + " has been exchanged: its first record does not name the file before it." + then;
    case AuditFault::file_missing:
      return "The " + which + " is missing or empty, and a later one is there: it was taken away." + then;
    case AuditFault::head_unreadable: return "The audit file's head has been changed: it cannot be read." + then;
  }
  return {};
}

}  // namespace quoin::gate
