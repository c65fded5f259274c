// The audit files on a real disk: they roll over, a start finds them whole wherever a crash left them, and what the
// disk refuses leaves them as they were.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "audit_files.h"
#include "gate/audit_queue.h"

namespace quoin::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t small = 1000;  // bytes of a file

class Folder {
 public:
  Folder()
      : path_(fs::temp_directory_path() / ("quoin-audit-" + std::to_string(getpid()) + "-" + std::to_string(++made))) {
    fs::remove_all(path_);
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string path() const { return path_.string(); }
  io::Folder state() const { return *io::Folder::make(path(), {.mode = 0700, .group = std::nullopt}); }
  std::string text(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    fs::permissions(path_ / name, fs::perms::owner_read | fs::perms::owner_write);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::ranges::count_if(fs::directory_iterator(path_), [](const auto& each) {
      return gate::audit_file_number(each.path().filename().string()).has_value();
    }));
  }

 private:
  static inline int made = 0;
  fs::path path_;
};

gate::WarrantClosed closed(const std::string& why) {
  gate::WarrantClosed record;
  record.device = "mfp";
  record.why = why;
  return record;
}

// Writes what waits; false once an append fails.
bool write_all(gate::AuditQueue& queue, AuditFiles& files, Instant now = {}) {
  while (const auto append = queue.next(now)) {
    const auto done = files.perform(*append);
    queue.appended(done.has_value(), WallTime{}, now);
    if (!done) return false;
  }
  return true;
}

void write_records(const Folder& folder, int count, const std::string& why) {
  auto opened = AuditFiles::open(folder.state());
  ASSERT_TRUE(opened) << opened.error();
  gate::AuditQueue queue(opened->start.place, small);
  for (int i = 0; i < count; i++) {
    queue.add(closed(why + " " + std::to_string(i)), WallTime{});
    ASSERT_TRUE(write_all(queue, opened->files));
  }
}

TEST(AuditFilesOnDisk, roll_over_and_are_shown_and_verified_as_one) {
  const Folder folder;
  write_records(folder, 20, "first run");
  write_records(folder, 20, "second run");
  EXPECT_GE(folder.files(), 5u);
  const auto verdict = verify_audit(folder.state());
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->whole()) << verdict->sentence();
  EXPECT_EQ(verdict->file, folder.files());
  EXPECT_EQ(verdict->records, 40 + folder.files() - 1);
  std::string shown;
  ASSERT_TRUE(read_audit(folder.state(), [&](Bytes piece) { shown += text_of(piece); }));
  std::size_t at = 0;
  for (const std::string run : {"first run", "second run"}) {
    for (int i = 0; i < 20; i++) {
      at = shown.find("\"" + run + " " + std::to_string(i) + "\"", at);
      ASSERT_NE(at, std::string::npos) << run << i;
    }
  }
}

TEST(AuditFilesOnDisk, a_start_finds_them_whole_wherever_a_crash_between_two_files_left_them) {
  const Folder whole;
  write_records(whole, 12, "record");
  const std::string last = gate::audit_file_name(whole.files());
  const std::string text = whole.text(last);
  // The head of the file before: what the disk has until the new one's first append is done.
  const std::string first_line = text.substr(0, text.find('\n'));
  const std::size_t hash_at = first_line.find("\"last_hash\":\"") + 13;
  const std::size_t seq_at = first_line.find("\"last_seq\":") + 11;
  const gate::AuditHead head{std::stoull(first_line.substr(seq_at)), first_line.substr(hash_at, 64)};
  for (std::size_t length = 0; length <= text.size(); length += 37) {
    const Folder crashed;
    for (std::size_t i = 1; i < whole.files(); i++)
      crashed.write(gate::audit_file_name(i), whole.text(gate::audit_file_name(i)));
    crashed.write(last, std::string_view(text).substr(0, length));
    crashed.write("audit.head", head.text());
    write_records(crashed, 6, "later");
    const auto verdict = verify_audit(crashed.state());
    ASSERT_TRUE(verdict) << length;
    ASSERT_TRUE(verdict->whole()) << length << " " << verdict->sentence();
  }
}

TEST(AuditFilesOnDisk, a_next_file_that_cannot_be_made_is_said_and_tried_again) {
  const Folder folder;
  auto opened = AuditFiles::open(folder.state());
  ASSERT_TRUE(opened);
  gate::AuditQueue queue(opened->start.place, small);
  fs::create_directory(folder.path() + "/audit-00002.jsonl");  // stands in the way
  int written = 0;
  std::string said;
  for (; said.empty(); written++) {
    queue.add(closed("record " + std::to_string(written)), WallTime{});
    while (const auto append = queue.next({})) {
      const auto done = opened->files.perform(*append);
      queue.appended(done.has_value(), WallTime{}, {});
      if (!done) said = done.error();
    }
    ASSERT_LT(written, 20);
  }
  EXPECT_NE(said.find("audit: the next file cannot be begun: "), std::string::npos) << said;
  EXPECT_NE(said.find("audit-00002.jsonl"), std::string::npos) << said;
  fs::remove(folder.path() + "/audit-00002.jsonl");
  EXPECT_TRUE(write_all(queue, opened->files, Instant{hours(1)}));
  const auto verdict = verify_audit(folder.state());
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->whole()) << verdict->sentence();
  EXPECT_EQ(verdict->records, static_cast<std::uint64_t>(written) + 1);
}

TEST(AuditFilesOnDisk, a_disk_that_is_full_in_the_middle_of_a_new_file_leaves_the_old_ones_whole) {
  const Folder folder;
  auto opened = AuditFiles::open(folder.state());
  ASSERT_TRUE(opened);
  gate::AuditQueue queue(opened->start.place, 100'000);
  std::string said;
  // A file that may not grow beyond this is as good as a full disk.
  const rlimit limit{.rlim_cur = 300, .rlim_max = RLIM_INFINITY};
  const rlimit none{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (int i = 0; i < 10 && said.empty(); i++) {
    queue.add(closed("record " + std::to_string(i)), WallTime{});
    while (const auto append = queue.next({})) {
      const auto done = opened->files.perform(*append);
      queue.appended(done.has_value(), WallTime{}, {});
      if (!done) said = done.error();
    }
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  EXPECT_NE(said.find("make room on the disk"), std::string::npos) << said;
  EXPECT_TRUE(verify_audit(folder.state())->whole());
  EXPECT_TRUE(write_all(queue, opened->files, Instant{hours(1)}));
  EXPECT_TRUE(verify_audit(folder.state())->whole());
}

TEST(AuditFilesOnDisk, a_file_of_another_that_stands_where_the_next_one_should_is_not_written_to) {
  const Folder folder;
  write_records(folder, 3, "record");
  auto opened = AuditFiles::open(folder.state());
  ASSERT_TRUE(opened);
  folder.write("audit-00002.jsonl", "something\n");
  gate::AuditQueue queue(opened->start.place, 64);
  queue.add(closed("one more"), WallTime{});
  const auto append = queue.next({});
  ASSERT_TRUE(append);
  ASSERT_EQ(append->file, 2u);
  const auto done = opened->files.perform(*append);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().find("audit-00002.jsonl is there already and not empty; move it away"), std::string::npos)
      << done.error();
  EXPECT_EQ(folder.text("audit-00002.jsonl"), "something\n");
}

}  // namespace
}  // namespace quoin::apps
