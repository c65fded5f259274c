// The audit files at their size: the next one is begun, and neither a crash nor a failure in between does harm.
#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "gate/audit_queue.h"
#include "gate/audit_verifier.h"

namespace quoin::gate {
namespace {

WallTime second(int n) {
  return WallTime{seconds(1'795'500'000 + n)};
}
WarrantClosed closed(std::string device, std::string why = "") {
  WarrantClosed record;
  record.device = std::move(device);
  record.why = std::move(why);
  return record;
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

// A disk that can stop at any step: each of them leaves the files as a crash there would.
struct Disk {
  std::vector<std::string> files{""};
  std::optional<std::string> head;

  void perform(const AppendAudit& append, const std::function<void()>& step = [] {}) {
    if (append.file > files.size()) {
      EXPECT_TRUE(append.sync);
      EXPECT_EQ(append.file, files.size() + 1);
      files.emplace_back();
      step();
    }
    for (const char c : append.lines) {
      files.back() += c;
      step();
    }
    if (append.sync) head = append.head;
    step();
  }
  AuditVerdict verdict() const {
    AuditVerifier verifier(head ? std::optional<std::string_view>(*head) : std::nullopt);
    for (std::size_t i = 0; i < files.size(); i++) {
      if (i > 0) verifier.next_file(i + 1);
      verifier.feed(bytes_of(files[i]));
    }
    return verifier.finish();
  }
  std::string all() const { return join(files); }
};
constexpr std::uint64_t small = 800;  // bytes of a file: a few records

AuditPlace place_of(const AuditVerdict& verdict) {
  return {verdict.last, verdict.file, verdict.bytes_valid};
}
void write_all(AuditQueue& queue, Disk& disk) {
  while (const auto append = queue.next(Instant{})) {
    disk.perform(*append);
    queue.appended(true, second(1), Instant{});
  }
}
Disk three_files() {
  Disk disk;
  AuditQueue queue{AuditPlace{}, small};
  for (int i = 0; i < 8; i++) {
    queue.add(closed("mfp", "reason " + std::to_string(i)), second(i));
    write_all(queue, disk);
  }
  EXPECT_EQ(disk.files.size(), 3U);
  return disk;
}
void expect_fault(const Disk& disk, AuditFault what, std::uint64_t file) {
  const AuditVerdict verdict = disk.verdict();
  ASSERT_TRUE(verdict.fault);
  EXPECT_EQ(verdict.fault->what, what) << verdict.sentence();
  EXPECT_EQ(verdict.fault->file, file) << verdict.sentence();
}

TEST(AuditFiles, are_named_by_number) {
  EXPECT_EQ(audit_file_name(1), "audit.jsonl");
  EXPECT_EQ(audit_file_name(2), "audit-00002.jsonl");
  EXPECT_EQ(audit_file_name(99'999), "audit-99999.jsonl");
  for (const std::uint64_t number : {1U, 2U, 10U, 99'999U}) {
    EXPECT_EQ(audit_file_number(audit_file_name(number)), number);
  }
  for (const auto* name : {"audit-00001.jsonl", "audit-00000.jsonl", "audit-2.jsonl", "audit-+0002.jsonl", "audit.head",
                           "audit-000002.jsonl", "audit-0000x.jsonl", "audit-00002.jsonl~", ""}) {
    EXPECT_FALSE(audit_file_number(name)) << name;
  }
}

TEST(AuditFiles, go_on_at_a_size_and_each_names_the_one_before) {
  const Disk disk = three_files();
  EXPECT_TRUE(disk.verdict().whole()) << disk.verdict().sentence();
  EXPECT_EQ(disk.verdict().sentence(), "The 3 audit files are whole: 10 records.");
  for (const std::string& file : disk.files) EXPECT_LE(file.size(), small);
  const std::vector<std::string> first = split(disk.files[0]);
  const auto last_of_first = take_apart(std::string_view(first.back()).substr(0, first.back().size() - 1));
  EXPECT_NE(disk.files[1].find("\"event\":\"continued\",\"file\":\"audit.jsonl\",\"last_seq\":" +
                               std::to_string(first.size()) + ",\"last_hash\":\"" + std::string(last_of_first->hash)),
            std::string::npos)
      << disk.files[1];
  EXPECT_NE(disk.files[2].find("\"file\":\"audit-00002.jsonl\""), std::string::npos);
}

TEST(AuditFiles, a_crash_at_any_step_between_two_files_is_harmless) {
  std::vector<Disk> crashed;
  Disk disk;
  AuditQueue queue{AuditPlace{}, small};
  for (int i = 0; i < 8; i++) {
    queue.add(closed("mfp", "reason " + std::to_string(i)), second(i));
    while (const auto append = queue.next(Instant{})) {
      disk.perform(*append, [&] { crashed.push_back(disk); });
      queue.appended(true, second(1), Instant{});
    }
  }
  ASSERT_EQ(disk.files.size(), 3U);
  for (Disk& at : crashed) {
    const AuditVerdict verdict = at.verdict();
    ASSERT_FALSE(verdict.fault) << verdict.sentence() << "\n" << at.all();
    at.files.back().resize(verdict.bytes_valid);  // as the start does
    AuditQueue after{place_of(verdict), small};
    after.add(AgentStarted{}, second(20));
    after.add(closed("mfp", "later"), second(21));
    after.add(closed("mfp", "and later"), second(22));
    after.add(closed("mfp", "and at last"), second(23));
    write_all(after, at);
    ASSERT_TRUE(at.verdict().whole()) << at.verdict().sentence() << "\n" << at.all();
    for (const std::string& file : at.files) ASSERT_LE(file.size(), small);
    for (const auto* record : {"\"event\":\"started\"", "\"later\"", "\"and later\"", "\"and at last\""}) {
      ASSERT_NE(at.all().find(record), std::string::npos);
    }
  }
}

TEST(AuditFiles, a_file_that_cannot_be_begun_leaves_the_chain_where_it_was) {
  Disk disk;
  AuditQueue queue{AuditPlace{}, small};
  for (int i = 0; disk.files.size() < 2; i++) {
    queue.add(closed("mfp", "reason " + std::to_string(i)), second(i));
    while (const auto append = queue.next(Instant{} + hours(i))) {
      const bool fails = append->file == 2 && i < 20;
      if (!fails) disk.perform(*append);
      queue.appended(!fails, second(i), Instant{} + hours(i));
      EXPECT_EQ(queue.works(), !fails);
    }
    ASSERT_LT(i, 30);
  }
  write_all(queue, disk);
  EXPECT_TRUE(disk.verdict().whole()) << disk.verdict().sentence();
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(disk.all(), '\n')), disk.verdict().records);
}

TEST(AuditFiles, a_file_that_was_taken_away_emptied_or_exchanged_is_named) {
  const Disk whole = three_files();
  Disk disk = whole;
  disk.files.pop_back();
  expect_fault(disk, AuditFault::behind_head, 2);
  disk = whole;
  disk.files[1].clear();
  expect_fault(disk, AuditFault::file_missing, 2);
  EXPECT_EQ(
      disk.verdict().sentence(),
      "The audit file audit-00002.jsonl is missing or empty, and a later one is there: it was taken away. The first "
      "4 records can be trusted. Keep all the files, and move them away to start anew.");
  disk = whole;
  std::swap(disk.files[1], disk.files[2]);
  expect_fault(disk, AuditFault::wrong_sequence, 2);
  disk = whole;
  disk.files[0] += disk.files[1].substr(0, disk.files[1].find('\n') + 1);  // a line moved from one to the other
  disk.files[1].erase(0, disk.files[1].find('\n') + 1);
  expect_fault(disk, AuditFault::not_continued, 2);
  disk = whole;
  disk.files[1].pop_back();  // torn, and not at the end
  expect_fault(disk, AuditFault::not_a_record, 2);
  AuditVerifier skipping(*whole.head);
  skipping.feed(bytes_of(whole.files[0]));
  skipping.next_file(3);
  skipping.feed(bytes_of(whole.files[2]));
  const AuditVerdict verdict = skipping.finish();
  ASSERT_TRUE(verdict.fault);
  EXPECT_EQ(verdict.fault->what, AuditFault::file_missing);
  EXPECT_EQ(verdict.fault->file, 2U);
}

TEST(AuditFiles, each_changed_byte_of_each_file_is_noticed) {
  const Disk whole = three_files();
  for (std::size_t file = 0; file < whole.files.size(); file++) {
    for (std::size_t i = 0; i < whole.files[file].size(); i += 3) {
      Disk disk = whole;
      disk.files[file][i] = disk.files[file][i] == 'x' ? 'y' : 'x';
      ASSERT_TRUE(disk.verdict().fault) << file << " " << i;
    }
  }
}

}  // namespace
}  // namespace quoin::gate
