// Any bytes as an audit file and its head: no verdict depends on the sizes in which the file is read, what is called
// whole really is a chain, and a file cut to what is valid is whole.
#include <cstdint>
#include <cstdlib>

#include "gate/audit_verifier.h"

namespace {

using namespace quoin;

gate::AuditVerdict verify(std::string_view file, std::optional<std::string_view> head, std::size_t piece) {
  gate::AuditVerifier verifier(head);
  for (std::size_t at = 0; at < file.size(); at += piece) verifier.feed(bytes_of(file.substr(at, piece)));
  return verifier.finish();
}
void require(bool kept) {
  if (!kept) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(Bytes(reinterpret_cast<const std::byte*>(data), size));
  // The head, if any, stands before the first NUL.
  const std::size_t nul = text.find('\0');
  const auto head = nul == std::string_view::npos ? std::nullopt : std::optional(text.substr(0, nul));
  const std::string_view file = nul == std::string_view::npos ? text : text.substr(nul + 1);

  const gate::AuditVerdict verdict = verify(file, head, 1 << 20);
  const gate::AuditVerdict again = verify(file, head, 3);
  require(verdict.records == again.records && verdict.fault.has_value() == again.fault.has_value());
  require(verdict.bytes_valid == again.bytes_valid && verdict.bytes_torn == again.bytes_torn);
  require(verdict.bytes_valid <= file.size() && !verdict.sentence().empty());
  if (!verdict.fault) {
    require(verdict.bytes_valid + verdict.bytes_torn == file.size());
    require(verify(file.substr(0, verdict.bytes_valid), verdict.last.text(), 5).whole());
    // The next record fits behind it.
    const gate::AuditLine next = gate::next_line(verdict.last, gate::AgentStarted{}, WallTime{});
    const std::string longer = std::string(file.substr(0, verdict.bytes_valid)) + next.line;
    require(verify(longer, next.head.text(), 64).whole());
  }
  return 0;
}
