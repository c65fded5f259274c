#include "audit_files.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

namespace quoin::apps {
namespace {

constexpr std::size_t head_bytes_max = 4096;
constexpr std::size_t piece_bytes = 64 * 1024;

const std::string head_name(gate::audit_head_name);

// The numbers of the files that are there, in order.
Result<std::vector<std::uint64_t>, std::string> numbers_in(const io::Folder& state) {
  const auto names = state.names();
  if (!names) return failure(names.error().text);
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    if (const auto number = gate::audit_file_number(name)) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

Result<void, std::string> read_one(const io::Folder& state, std::uint64_t number,
                                   const std::function<void(Bytes)>& piece) {
  const std::string name = gate::audit_file_name(number);
  auto opened = io::open_for_reading(state, name);
  if (!opened) return failure(opened.error().text);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(fdopen(opened->number(), "rb"), &std::fclose);
  if (!file) return failure(state.path_of(name) + " cannot be read");
  static_cast<void>(opened->release());
  Buffer space(piece_bytes);
  while (const std::size_t count = std::fread(space.data(), 1, space.size(), file.get()))
    piece(Bytes(space).first(count));
  if (std::ferror(file.get())) return failure(state.path_of(name) + " cannot be read to its end: check the disk");
  return {};
}

}  // namespace

Result<void, std::string> read_audit(const io::Folder& state, const std::function<void(Bytes)>& piece) {
  const auto numbers = numbers_in(state);
  if (!numbers) return failure(numbers.error());
  for (const std::uint64_t number : *numbers) {
    if (const auto read = read_one(state, number, piece); !read) return failure(read.error());
  }
  return {};
}

Result<gate::AuditVerdict, std::string> verify_audit(const io::Folder& state) {
  // The head before the files, which a running agent may be writing.
  const auto head = io::read_file(state, head_name, head_bytes_max);
  if (!head && head.error().error != io::FileError::missing) return failure(head.error().text);
  gate::AuditVerifier verifier(head ? std::optional(text_of(*head)) : std::nullopt);
  const auto numbers = numbers_in(state);
  if (!numbers) return failure(numbers.error());
  for (const std::uint64_t number : *numbers) {
    if (number > 1) verifier.next_file(number);
    const auto read = read_one(state, number, [&](Bytes piece) { verifier.feed(piece); });
    if (!read) return failure(read.error());
  }
  return verifier.finish();
}

Result<AuditFiles::Opened, std::string> AuditFiles::open(io::Folder state) {
  const auto verdict = verify_audit(state);
  if (!verdict) return failure(verdict.error());
  const std::string name = gate::audit_file_name(verdict->file);
  if (verdict->fault) return failure(state.path_of(name) + ": " + verdict->sentence());
  auto file = io::AppendFile::open(state, name);
  if (!file) return failure(file.error().text);
  if (verdict->bytes_torn > 0) {
    if (const auto cut = file->cut(verdict->bytes_valid); !cut) return failure(cut.error().text);
  }
  std::optional<gate::FileRepaired> repaired;
  if (!verdict->whole()) repaired = gate::FileRepaired{verdict->records_beyond_head, verdict->bytes_torn};
  const auto head = io::read_file(state, head_name, head_bytes_max);
  if (!head && head.error().error != io::FileError::missing) return failure(head.error().text);
  return Opened{AuditFiles(std::move(state), std::move(*file), verdict->file, head ? std::string(text_of(*head)) : ""),
                {{verdict->last, verdict->file, verdict->bytes_valid}, repaired}};
}

Result<void, std::string> AuditFiles::perform(const gate::AppendAudit& append) {
  if (is_broken_) return failure<std::string>("audit: nothing is recorded, so nothing opens, until a restart");
  std::optional<io::AppendFile> next;
  if (append.file != number_) {
    auto begun = begin(append.file);
    if (!begun) return failure("audit: the next file cannot be begun: " + begun.error().text);
    next = std::move(*begun);
  }
  io::AppendFile& file = next ? *next : file_;
  const std::uint64_t before = file.size();
  const auto done = write(file, append);
  if (done) {
    if (append.sync) head_ = append.head;
    if (next) {
      file_ = std::move(*next);
      number_ = append.file;
    }
    return {};
  }
  is_broken_ = !take_back(file, append, before);
  const char* left =
      "; what was begun could not be taken back either: nothing is recorded, so nothing opens, until a restart";
  return failure("audit: " + done.error().text + (is_broken_ ? left : ""));
}

// All that stands in the last file is on disk before the next one holds a record. That one may be there, empty, since
// an attempt that failed.
Result<io::AppendFile, io::FileFailure> AuditFiles::begin(std::uint64_t number) {
  TRY(file_.sync());
  const std::string name = gate::audit_file_name(number);
  io::AppendFile next = TRY(io::AppendFile::open(state_, name));
  if (next.size() == 0) return next;
  return io::file_failure(io::FileError::wrong_kind,
                          state_.path_of(name) + " is there already and not empty; move it away");
}

Result<void, io::FileFailure> AuditFiles::write(io::AppendFile& file, const gate::AppendAudit& append) {
  TRY(file.append(bytes_of(append.lines)));
  if (!append.sync) return {};
  TRY(file.sync());
  return io::replace_file(state_, head_name, bytes_of(append.head));
}

// The head first: one that is ahead of its file says that somebody has cut the file. The file is cut also where nothing
// was appended whole, because a torn record must not stand before the next one.
bool AuditFiles::take_back(io::AppendFile& file, const gate::AppendAudit& append, std::uint64_t before) {
  if (append.sync) {
    const auto head = io::read_file(state_, head_name, head_bytes_max);
    const bool is_missing = !head && head.error().error == io::FileError::missing;
    const std::string_view found = head ? text_of(*head) : std::string_view();
    if (!head && !is_missing) return false;
    if (found != head_ &&
        !io::replace_file(state_, head_name, bytes_of(head_.empty() ? gate::AuditHead().text() : head_))) {
      return false;
    }
  }
  return file.cut(before).has_value();
}

}  // namespace quoin::apps
