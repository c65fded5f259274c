#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/files.h"

namespace quoin::io {
namespace {

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    umask(022);
    char made[] = "/tmp/quoin-files-XXXXXX";
    ASSERT_NE(mkdtemp(made), nullptr);
    folder = made;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path(const std::string& name) const { return folder + "/" + name; }
  Folder here() const { return std::move(*Folder::make(folder, {})); }
  static mode_t mode_of(const std::string& of) {
    struct stat found{};
    EXPECT_EQ(lstat(of.c_str(), &found), 0) << of;
    return found.st_mode & 07777;
  }
  std::string content(const std::string& name) const {
    const auto read = read_file(path(name), 1 << 20, FileTrust::any);
    return read ? std::string(text_of(*read)) : "unreadable";
  }
  std::string folder;
};

// Where a small disk is full: the process may make no file longer than this.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit full{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(FilesTest, reads_no_more_than_allowed) {
  ASSERT_TRUE(replace_file(here(), "f", bytes_of("12345")));
  EXPECT_EQ(content("f"), "12345");
  EXPECT_TRUE(read_file(path("f"), 5, FileTrust::any));
  EXPECT_EQ(read_file(path("f"), 4, FileTrust::any).error().error, FileError::too_large);
  EXPECT_EQ(read_file(path("none"), 4, FileTrust::any).error().error, FileError::missing);
  EXPECT_EQ(read_file(folder, 4, FileTrust::any).error().error, FileError::wrong_kind);
}

TEST_F(FilesTest, reads_a_secret_only_if_nobody_else_can) {
  ASSERT_TRUE(replace_file(here(), "key", bytes_of("k"), 0644));
  EXPECT_TRUE(read_file(path("key"), 10, FileTrust::ours_only));
  EXPECT_EQ(read_file(path("key"), 10, FileTrust::secret).error().error, FileError::open_to_others);
  ASSERT_EQ(chmod(path("key").c_str(), 0600), 0);
  EXPECT_TRUE(read_file(path("key"), 10, FileTrust::secret));
  ASSERT_EQ(chmod(path("key").c_str(), 0620), 0);
  EXPECT_EQ(read_file(path("key"), 10, FileTrust::ours_only).error().error, FileError::open_to_others);
}

TEST_F(FilesTest, follows_no_link_to_what_must_be_ours) {
  ASSERT_TRUE(replace_file(here(), "real", bytes_of("k")));
  ASSERT_EQ(symlink(path("real").c_str(), path("link").c_str()), 0);
  EXPECT_TRUE(read_file(path("link"), 10, FileTrust::any));
  EXPECT_EQ(read_file(path("link"), 10, FileTrust::ours_only).error().error, FileError::is_link);
  EXPECT_EQ(AppendFile::open(here(), "link").error().error, FileError::is_link);
  EXPECT_EQ(LockFile::take(here(), "link").error().error, FileError::is_link);
}

TEST_F(FilesTest, does_not_hang_on_a_pipe) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_file(path("pipe"), 10, FileTrust::ours_only).error().error, FileError::wrong_kind);
}

TEST_F(FilesTest, replaces_a_file_whole_and_leaves_nothing_beside_it) {
  ASSERT_TRUE(replace_file(here(), "head", bytes_of("first")));
  ASSERT_TRUE(replace_file(here(), "head", bytes_of("second")));
  EXPECT_EQ(content("head"), "second");
  EXPECT_EQ(mode_of(path("head")), 0600U);
  EXPECT_FALSE(std::filesystem::exists(path("head.new")));
}

TEST_F(FilesTest, keeps_the_old_content_when_the_disk_is_full) {
  ASSERT_TRUE(replace_file(here(), "head", bytes_of("old")));
  {
    const FullDisk full(10);
    const auto replaced = replace_file(here(), "head", bytes_of("longer than ten bytes"));
    ASSERT_FALSE(replaced);
    EXPECT_EQ(replaced.error().error, FileError::full);
  }
  EXPECT_EQ(content("head"), "old");
  EXPECT_FALSE(std::filesystem::exists(path("head.new")));
}

TEST_F(FilesTest, keeps_the_old_content_when_descriptors_run_out) {
  ASSERT_TRUE(replace_file(here(), "head", bytes_of("old")));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const Folder folder_held = here();
  const int next = dup(STDERR_FILENO);  // the lowest number that is free
  close(next);
  const rlimit few{static_cast<rlim_t>(next), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  const auto replaced = replace_file(folder_held, "head", bytes_of("new"));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_FALSE(replaced);
  EXPECT_EQ(content("head"), "old");
}

TEST_F(FilesTest, appends_whole_records_across_openings) {
  {
    auto file = AppendFile::open(here(), "audit");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes_of("one\n")));
    ASSERT_TRUE(file->sync());
  }
  auto file = AppendFile::open(here(), "audit");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 4U);
  ASSERT_TRUE(file->append(bytes_of("two\n")));
  EXPECT_EQ(content("audit"), "one\ntwo\n");
  ASSERT_TRUE(file->cut(4));
  ASSERT_TRUE(file->append(bytes_of("three\n")));
  EXPECT_EQ(content("audit"), "one\nthree\n");
  EXPECT_EQ(file->size(), 10U);
}

TEST_F(FilesTest, cuts_off_what_a_full_disk_left_of_a_record) {
  auto file = AppendFile::open(here(), "audit");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append(bytes_of("one\n")));
  {
    const FullDisk full(10);
    const auto appended = file->append(bytes_of("a record that does not fit\n"));
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().error, FileError::full);
  }
  EXPECT_EQ(content("audit"), "one\n");
  ASSERT_TRUE(file->append(bytes_of("two\n")));
  EXPECT_EQ(content("audit"), "one\ntwo\n");
}

TEST_F(FilesTest, a_lock_is_held_by_one_process_until_it_ends) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = LockFile::take(here(), "lock");
    const char got = lock ? 'y' : 'n';
    if (write(ends[1], &got, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char got = 'n';
  ASSERT_EQ(read(ends[0], &got, 1), 1);
  EXPECT_EQ(got, 'y');
  const auto second = LockFile::take(here(), "lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error, FileError::taken);
  EXPECT_EQ(second.error().text, "another process holds " + path("lock"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(LockFile::take(here(), "lock"));
}

TEST(StandardNumbers, are_taken_where_they_were_closed_so_that_no_file_gets_them) {
  const pid_t child = fork();
  if (child == 0) {
    for (int number = 0; number <= 2; number++) close(number);
    bool right = fill_standard_numbers() && fill_standard_numbers();
    char byte = 0;
    right = right && read(0, &byte, 1) < 0 && write(1, &byte, 1) < 0 && write(2, &byte, 1) < 0;
    const auto next = open_for_reading("/dev/null");
    _exit(right && next && next->number() > 2 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(SystemRoots, are_readable_where_debian_keeps_them) {
  const auto roots = open_for_reading(system_roots_path);
  if (!roots && roots.error().error == FileError::missing) GTEST_SKIP() << "ca-certificates is not installed";
  ASSERT_TRUE(roots);
  const auto pem = read_to_end(*roots, 4 * 1024 * 1024);
  ASSERT_TRUE(pem);
  EXPECT_NE(text_of(*pem).find("BEGIN CERTIFICATE"), std::string_view::npos);
}

}  // namespace
}  // namespace quoin::io
