// Any bytes as audit files and their head: no verdict depends on the sizes in which the files are read, what is called
// whole really is a chain, and files cut to what is valid are whole and can be gone on with.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gate/audit_queue.h"
#include "gate/audit_verifier.h"

namespace {

using namespace quoin;

using Files = std::vector<std::string>;

gate::AuditVerdict verify(const Files& files, std::optional<std::string_view> head, std::size_t piece) {
  gate::AuditVerifier verifier(head);
  for (std::size_t i = 0; i < files.size(); i++) {
    if (i > 0) verifier.next_file(i + 1);
    for (std::size_t at = 0; at < files[i].size(); at += piece) {
      verifier.feed(bytes_of(std::string_view(files[i]).substr(at, piece)));
    }
  }
  return verifier.finish();
}
void require(bool kept) {
  if (!kept) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(Bytes(reinterpret_cast<const std::byte*>(data), size));
  // The head, if any, stands before the first NUL; files end at bytes of value 1.
  const std::size_t nul = text.find('\0');
  const auto head = nul == std::string_view::npos ? std::nullopt : std::optional(text.substr(0, nul));
  std::string_view rest = nul == std::string_view::npos ? text : text.substr(nul + 1);
  Files files;
  for (std::size_t end = 0; end != std::string_view::npos; rest.remove_prefix(std::min(rest.size(), end + 1))) {
    end = rest.find('\x01');
    files.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
  }

  const gate::AuditVerdict verdict = verify(files, head, 1 << 20);
  const gate::AuditVerdict again = verify(files, head, 3);
  require(verdict.records == again.records && verdict.fault.has_value() == again.fault.has_value());
  require(verdict.bytes_valid == again.bytes_valid && verdict.bytes_torn == again.bytes_torn);
  require(verdict.file == again.file && verdict.file <= files.size() && !verdict.sentence().empty());
  if (verdict.fault) return 0;
  require(verdict.file == files.size());
  require(verdict.bytes_valid + verdict.bytes_torn == files.back().size());
  files.back().resize(verdict.bytes_valid);
  require(verify(files, verdict.last.text(), 5).whole());
  // What the agent writes next fits behind it, in the last file or in the next.
  for (const std::uint64_t file_bytes_max : {std::uint64_t{1}, std::uint64_t{1} << 30}) {
    Files longer = files;
    gate::AuditQueue queue({verdict.last, verdict.file, verdict.bytes_valid}, file_bytes_max);
    queue.add(gate::AgentStarted{}, WallTime{});
    const auto append = queue.next(Instant{});
    require(append && append->file >= longer.size() && append->file <= longer.size() + 1);
    longer.resize(append->file);
    longer.back() += append->lines;
    require(verify(longer, append->head, 64).whole());
  }
  return 0;
}
