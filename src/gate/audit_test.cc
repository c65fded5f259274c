#include <algorithm>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/random.h"
#include "gate/audit_queue.h"
#include "gate/audit_verifier.h"
#include "vectors/folder.h"

namespace quoin::gate {
namespace {

std::string vector_file(const std::string& name) {
  std::ifstream in(vectors::path_of("gate/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

constexpr std::uint64_t roomy = 1 << 30;

struct File {
  std::string lines;
  std::optional<std::string> head;
};
WallTime second(int n) {
  return WallTime{seconds(1'795'500'000 + n)};
}
WarrantOpened opened(std::string device) {
  WarrantOpened record;
  record.device = std::move(device);
  return record;
}
WarrantClosed closed(std::string device, std::string why = "") {
  WarrantClosed record;
  record.device = std::move(device);
  record.why = std::move(why);
  return record;
}
File golden() {
  File file;
  AuditHead head;
  const std::vector<AuditRecord> records = {
      AgentStarted{{"mfp"}},
      WarrantOpened{"mfp",
                    "192.168.77.21",
                    "02:da:00:00:4d:15",
                    {"web", "ping"},
                    {"alice@example.com"},
                    "root",
                    "E 3.2",
                    "2026-11-24T06:30:00Z"},
      WarrantClosed{.device = "mfp", .why = "a person closed it", .by = "root"},
      AgentStopped{},
  };
  for (std::size_t i = 0; i < records.size(); i++) {
    AuditLine line = next_line(head, records[i], second(static_cast<int>(i) + 1));
    file.lines += line.line;
    head = line.head;
  }
  file.head = head.text();
  return file;
}
AuditVerdict verify(const File& file, std::size_t piece = 7) {
  AuditVerifier verifier(file.head ? std::optional<std::string_view>(*file.head) : std::nullopt);
  for (std::size_t at = 0; at < file.lines.size(); at += piece) {
    verifier.feed(bytes_of(std::string_view(file.lines).substr(at, piece)));
  }
  return verifier.finish();
}
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}
std::string join(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line;
  return out;
}
void expect_fault(const File& file, AuditFault what, std::uint64_t line) {
  const AuditVerdict verdict = verify(file);
  ASSERT_TRUE(verdict.fault);
  EXPECT_EQ(verdict.fault->what, what) << verdict.sentence();
  EXPECT_EQ(verdict.fault->line, line) << verdict.sentence();
  EXPECT_FALSE(verdict.whole());
}

TEST(AuditChain, matches_what_another_program_hashed) {
  EXPECT_EQ(golden().lines, vector_file("audit_chain.jsonl"));
  EXPECT_EQ(golden().head, vector_file("audit_chain.head"));
}

TEST(AuditChain, a_whole_file_is_whole_in_pieces_of_any_size) {
  for (const std::size_t piece : {1U, 2U, 63U, 64U, 100'000U}) {
    const AuditVerdict verdict = verify(golden(), piece);
    EXPECT_TRUE(verdict.whole()) << verdict.sentence();
    EXPECT_EQ(verdict.records, 4U);
    EXPECT_EQ(verdict.bytes_valid, golden().lines.size());
    EXPECT_EQ(verdict.sentence(), "The audit file is whole: 4 records.");
  }
}

TEST(AuditChain, an_empty_file_without_a_head_is_a_new_one) {
  const AuditVerdict verdict = verify({"", std::nullopt});
  EXPECT_TRUE(verdict.whole());
  EXPECT_EQ(verdict.last, AuditHead());
}

TEST(AuditChain, each_changed_byte_is_noticed) {
  const File file = golden();
  for (std::size_t i = 0; i < file.lines.size(); i++) {
    File changed = file;
    changed.lines[i] = changed.lines[i] == 'x' ? 'y' : 'x';
    ASSERT_TRUE(verify(changed).fault || verify(changed).bytes_torn > 0) << i;
    // Only the very last newline may look like a crash; then the head tells otherwise.
    ASSERT_TRUE(verify(changed).fault) << i;
  }
}

TEST(AuditChain, an_edited_line_is_named) {
  File file = golden();
  file.lines.replace(file.lines.find("192.168.77.21"), 13, "192.168.77.22");
  expect_fault(file, AuditFault::wrong_hash, 2);
  EXPECT_EQ(verify(file).sentence(),
            "The audit file has been changed: line 2 or the one before it was edited. The first 1 record can be "
            "trusted. Keep both files, and move them away to start anew.");
}

TEST(AuditChain, a_line_edited_and_hashed_anew_is_found_at_the_next) {
  File file = golden();
  std::vector<std::string> lines = split(file.lines);
  const auto first = take_apart(std::string_view(lines[0]).substr(0, lines[0].size() - 1));
  AuditHead before{1, std::string(first->hash)};
  lines[1] = next_line(before, closed("mfp", "forged"), second(2)).line;
  file.lines = join(lines);
  expect_fault(file, AuditFault::wrong_hash, 3);
}

TEST(AuditChain, a_rewritten_ending_differs_from_the_head) {
  File file = golden();
  std::vector<std::string> lines = split(file.lines);
  const auto third = take_apart(std::string_view(lines[2]).substr(0, lines[2].size() - 1));
  AuditHead before{3, std::string(third->hash)};
  lines[3] = next_line(before, AgentStarted{}, second(4)).line;
  file.lines = join(lines);
  expect_fault(file, AuditFault::differs_from_head, 4);
}

TEST(AuditChain, lines_moved_taken_out_repeated_or_added_are_named) {
  const std::vector<std::string> lines = split(golden().lines);
  const auto with = [&](std::vector<std::string> changed) { return File{join(changed), golden().head}; };
  expect_fault(with({lines[0], lines[2], lines[1], lines[3]}), AuditFault::wrong_sequence, 2);
  expect_fault(with({lines[0], lines[1], lines[3]}), AuditFault::wrong_sequence, 3);
  expect_fault(with({lines[0], lines[1], lines[1], lines[2], lines[3]}), AuditFault::wrong_sequence, 3);
  expect_fault(with({lines[1], lines[2], lines[3]}), AuditFault::wrong_sequence, 1);
  expect_fault(with({lines[0], "\n", lines[1], lines[2], lines[3]}), AuditFault::not_a_record, 2);
  expect_fault(with({lines[0], lines[1], lines[2], lines[3], "{}\n"}), AuditFault::not_a_record, 5);
  expect_fault(with({lines[0], lines[1], lines[2], lines[3], std::string(50'000, 'x')}), AuditFault::not_a_record, 5);
}

TEST(AuditChain, a_file_that_ends_before_its_head_was_cut) {
  const std::vector<std::string> lines = split(golden().lines);
  expect_fault({join({lines[0], lines[1], lines[2]}), golden().head}, AuditFault::behind_head, 4);
  expect_fault({"", golden().head}, AuditFault::behind_head, 1);
  // Also when the cut goes through a line: what is on disk before its head cannot be torn.
  const std::string cut = golden().lines.substr(0, golden().lines.size() - 5);
  expect_fault({cut, golden().head}, AuditFault::behind_head, 4);
}

TEST(AuditChain, a_missing_or_changed_head_is_tampering) {
  expect_fault({golden().lines, std::nullopt}, AuditFault::head_missing, 0);
  for (const std::string& head : std::vector<std::string>{"", "\n", "{}", "{\"seq\":4}\n",
                                                          "{\"seq\":04,\"hash\":\"" + std::string(64, '0') + "\"}\n"}) {
    expect_fault({golden().lines, head}, AuditFault::head_unreadable, 0);
  }
  std::string other = *golden().head;
  other.back() = ' ';
  expect_fault({golden().lines, other}, AuditFault::head_unreadable, 0);
  std::string lower = *golden().head;
  lower.replace(lower.find("4"), 1, "3");
  expect_fault({golden().lines, lower}, AuditFault::differs_from_head, 3);
}

TEST(AuditChain, records_beyond_the_head_and_one_torn_line_are_repaired) {
  const std::vector<std::string> lines = split(golden().lines);
  AuditHead second_head;
  const auto parts = take_apart(std::string_view(lines[1]).substr(0, lines[1].size() - 1));
  second_head = {2, std::string(parts->hash)};
  for (std::size_t torn = 1; torn < lines[3].size(); torn++) {
    const File file{join({lines[0], lines[1], lines[2]}) + lines[3].substr(0, torn), second_head.text()};
    const AuditVerdict verdict = verify(file);
    ASSERT_FALSE(verdict.fault) << verdict.sentence();
    EXPECT_EQ(verdict.records_beyond_head, 1U);
    EXPECT_EQ(verdict.bytes_torn, torn);
    EXPECT_EQ(verdict.bytes_valid, join({lines[0], lines[1], lines[2]}).size());
    EXPECT_EQ(verdict.last.sequence, 3U);
  }
}

TEST(AuditChain, a_crash_in_the_very_first_append_is_no_tampering) {
  const std::vector<std::string> lines = split(golden().lines);
  EXPECT_FALSE(verify({lines[0], std::nullopt}).fault);
  EXPECT_FALSE(verify({lines[0].substr(0, 9), std::nullopt}).fault);
  EXPECT_TRUE(verify({lines[0] + lines[1], std::nullopt}).fault);
}

TEST(AuditRecord, is_one_line_whatever_its_texts_hold) {
  for (const std::string text :
       {"a\nb", "\r\n", "\x1b[2J", "\"},{\"event\":\"stopped\"", "\xff\xfe", "\xe2\x80\xa8", "\\"}) {
    const AuditLine line = next_line({}, EngineerRefused{text, text, text, text}, second(1));
    EXPECT_EQ(std::count(line.line.begin(), line.line.end(), '\n'), 1);
    for (const char c : line.line.substr(0, line.line.size() - 1)) {
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f) << text;
    }
    EXPECT_EQ(line.line.find("\"event\":\"stopped\""), std::string::npos);
  }
}

TEST(AuditRecord, the_longest_fits_its_bound) {
  WarrantOpened longest = opened(std::string(63, 'd'));
  for (int i = 0; i < 64; i++) longest.services.push_back("tcp/" + std::to_string(60000 + i));
  longest.engineers.assign(32, std::string(255, 'e'));
  longest.opened_by = std::string(64, '<');
  longest.reason = std::string(200, '<');
  EXPECT_LE(next_line({}, longest, second(1)).line.size(), audit_line_bytes_max);
  const std::string angles(1000, '<');
  EXPECT_LE(next_line({}, EngineerRefused{angles, angles, angles, angles}, second(1)).line.size(),
            audit_line_bytes_max);
}

TEST(AuditQueue, one_append_at_a_time_and_the_first_of_a_file_alone) {
  AuditQueue queue{AuditPlace{}, roomy};
  queue.add(AgentStarted{}, second(1));
  const auto second_ticket = queue.add(AgentStopped{}, second(2));
  const auto first = queue.next(Instant{});
  ASSERT_TRUE(first);
  EXPECT_EQ(std::count(first->lines.begin(), first->lines.end(), '\n'), 1);
  EXPECT_FALSE(queue.next(Instant{}));
  queue.appended(true, second(2), Instant{});
  EXPECT_FALSE(queue.is_written(second_ticket));
  EXPECT_TRUE(queue.next(Instant{}));
  queue.appended(true, second(2), Instant{});
  EXPECT_TRUE(queue.is_written(second_ticket));
}

TEST(AuditQueue, syncs_all_but_flows) {
  AuditQueue queue{AuditPlace{{5, std::string(64, 'a')}, 1, 1000}, roomy};
  queue.add(FlowOpened{}, second(1));
  queue.add(FlowEnded{}, second(1));
  EXPECT_FALSE(queue.next(Instant{})->sync);
  queue.appended(true, second(1), Instant{});
  queue.add(FlowEnded{}, second(1));
  queue.add(EngineerAdmitted{}, second(1));
  EXPECT_TRUE(queue.next(Instant{})->sync);
}

TEST(AuditQueue, a_failed_append_drops_grants_keeps_the_rest_and_leaves_the_chain_where_it_was) {
  AuditQueue queue{AuditPlace{{5, std::string(64, 'a')}, 1, 1000}, roomy};
  const auto grant = queue.add(opened("mfp"), second(1));
  queue.add(closed("mfp"), second(1));    // of the grant that never was
  queue.add(closed("laser"), second(1));  // of an earlier one
  ASSERT_TRUE(queue.next(Instant{}));
  queue.appended(false, second(1), Instant{});
  EXPECT_FALSE(queue.works());
  EXPECT_TRUE(queue.is_void(grant));
  EXPECT_FALSE(queue.next(Instant{}));
  EXPECT_EQ(queue.retry_at(), Instant{AuditQueue::retry_after});
  const auto again = queue.next(Instant{AuditQueue::retry_after});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->lines.starts_with("{\"seq\":6,"));
  EXPECT_EQ(again->lines.find("opened"), std::string::npos);
  EXPECT_EQ(again->lines.find("\"device\":\"mfp\""), std::string::npos);
  EXPECT_NE(again->lines.find("\"device\":\"laser\""), std::string::npos);
  queue.appended(true, second(1), Instant{});
  EXPECT_TRUE(queue.works());
  EXPECT_FALSE(queue.is_written(grant));
}

TEST(AuditQueue, is_bounded_and_says_what_it_lost) {
  AuditQueue queue{AuditPlace{{5, std::string(64, 'a')}, 1, 1000}, roomy};
  for (std::size_t i = 0; i < AuditQueue::records_max + 3; i++) queue.add(FlowEnded{}, second(1));
  EXPECT_TRUE(queue.crowded());
  std::string written;
  while (const auto append = queue.next(Instant{})) {
    written += append->lines;
    queue.appended(true, second(2), Instant{});
  }
  EXPECT_NE(written.find("\"event\":\"records_lost\",\"count\":3"), std::string::npos);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace quoin::gate
