// The audit file's hash chain: how a line is made, and how the end of the file is remembered.
//
// The file holds one JSON object a line:
//
//     {"seq":7,"time":"2026-11-24T06:10:00.123Z","event":"opened",...,"hash":"<64 hex digits>"}
//
// hash = SHA-256( the previous line's 64 hex digits, then this line up to, but without, `,"hash":` ). The first line's
// predecessor is 64 zeros. So a reader needs nothing but sha256sum to follow the chain. A second file, the head, holds
// the sequence number and hash of the last line known to be on disk; it is replaced after each sync, so that a file cut
// short or exchanged for an older copy is noticed. (Threat model: S1, STO-07, LOG-02.)
//
// At a certain size the next file is begun: audit.jsonl, audit-00002.jsonl, ... A file that has a successor is never
// touched again. Numbers and hashes go on from file to file as from line to line, and each file but the first begins
// with a record (`continued`) that names the one before it and that one's last hash, so that it can be followed by
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "gate/audit_record.h"

namespace quoin::gate {

constexpr std::string_view audit_head_name = "audit.head";  // in the state folder
constexpr std::uint64_t audit_files_max = 99'999;           // the last one grows on
std::string audit_file_name(std::uint64_t number);          // from 1
std::optional<std::uint64_t> audit_file_number(std::string_view name);
constexpr std::size_t audit_line_bytes_max = 16 * 1024;

// Which line: its number, from 1, and its hash. Number 0 stands for the place before the first line.
struct AuditHead {
  std::uint64_t sequence = 0;
  std::string hash = std::string(64, '0');

  std::string text() const;  // what the head file holds
  static std::optional<AuditHead> parse(std::string_view head_file);
  bool operator==(const AuditHead&) const = default;
};

// Where the next line goes.
struct AuditPlace {
  AuditHead last;           // the line before it
  std::uint64_t file = 1;   // its number
  std::uint64_t bytes = 0;  // that the file has
};
// The first record of the file that follows `before`.
FileContinued continuation(const AuditPlace& before);

// The next line, newline included, and the head after it.
struct AuditLine {
  std::string line;
  AuditHead head;
};
AuditLine next_line(const AuditHead& after, const AuditRecord& record, WallTime wall);

// A line, without its newline, taken apart; nothing if it is not of this form.
struct AuditLineParts {
  std::uint64_t sequence;
  std::string_view hashed;  // what the hash covers besides the previous hash
  std::string_view hash;
};
std::optional<AuditLineParts> take_apart(std::string_view line);
std::string chain_hash(std::string_view previous_hash, std::string_view hashed);

}  // namespace quoin::gate
