#include "audit_files.h"

#include <array>
#include <cstdio>
#include <memory>
#include <utility>

namespace quoin::apps {
namespace {

constexpr std::size_t head_bytes_max = 4096;
constexpr std::size_t piece_bytes = 64 * 1024;

const std::string file_name(gate::audit_file_name);
const std::string head_name(gate::audit_head_name);

}  // namespace

Result<void, std::string> read_audit(const io::Folder& state, const std::function<void(Bytes)>& piece) {
  auto opened = io::open_for_reading(state, file_name);
  if (!opened && opened.error().error == io::FileError::missing) return {};
  if (!opened) return failure(opened.error().text);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(fdopen(opened->number(), "rb"), &std::fclose);
  if (!file) return failure(state.path_of(file_name) + " cannot be read");
  static_cast<void>(opened->release());
  Buffer space(piece_bytes);
  while (const std::size_t count = std::fread(space.data(), 1, space.size(), file.get()))
    piece(Bytes(space).first(count));
  if (std::ferror(file.get())) return failure(state.path_of(file_name) + " cannot be read to its end: check the disk");
  return {};
}

Result<gate::AuditVerdict, std::string> verify_audit(const io::Folder& state) {
  const auto head = io::read_file(state, head_name, head_bytes_max);
  if (!head && head.error().error != io::FileError::missing) return failure(head.error().text);
  gate::AuditVerifier verifier(head ? std::optional(text_of(*head)) : std::nullopt);
  const auto read = read_audit(state, [&](Bytes piece) { verifier.feed(piece); });
  if (!read) return failure(read.error());
  return verifier.finish();
}

Result<AuditFiles::Opened, std::string> AuditFiles::open(io::Folder state) {
  const auto verdict = verify_audit(state);
  if (!verdict) return failure(verdict.error());
  if (verdict->fault) return failure(state.path_of(file_name) + ": " + verdict->sentence());
  auto file = io::AppendFile::open(state, file_name);
  if (!file) return failure(file.error().text);
  if (verdict->bytes_torn > 0) {
    if (const auto cut = file->cut(verdict->bytes_valid); !cut) return failure(cut.error().text);
  }
  std::optional<gate::FileRepaired> repaired;
  if (!verdict->whole()) repaired = gate::FileRepaired{verdict->records_beyond_head, verdict->bytes_torn};
  const auto head = io::read_file(state, head_name, head_bytes_max);
  if (!head && head.error().error != io::FileError::missing) return failure(head.error().text);
  return Opened{AuditFiles(std::move(state), std::move(*file), head ? std::string(text_of(*head)) : ""),
                {verdict->last, repaired}};
}

Result<void, std::string> AuditFiles::perform(const gate::AppendAudit& append) {
  if (is_broken_) return failure<std::string>("audit: nothing is recorded, so nothing opens, until a restart");
  const std::uint64_t before = file_.size();
  const auto attempt = [&]() -> Result<void, io::FileFailure> {
    if (auto appended = file_.append(bytes_of(append.lines)); !appended) return appended;
    if (!append.sync) return {};
    if (auto synced = file_.sync(); !synced) return synced;
    return io::replace_file(state_, head_name, bytes_of(append.head));
  };
  const auto done = attempt();
  if (done) {
    if (append.sync) head_ = append.head;
    return {};
  }
  is_broken_ = !take_back(append, before);
  const char* left =
      "; what was begun could not be taken back either: nothing is recorded, so nothing opens, until a restart";
  return failure("audit: " + done.error().text + (is_broken_ ? left : ""));
}

// The head first: one that is ahead of its file says that somebody has cut the file. The file is cut also where nothing
// was appended whole, because a torn record must not stand before the next one.
bool AuditFiles::take_back(const gate::AppendAudit& append, std::uint64_t before) {
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
  return file_.cut(before).has_value();
}

}  // namespace quoin::apps
