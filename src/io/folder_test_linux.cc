#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/files.h"

namespace quoin::io {
namespace {

constexpr uid_t another = 1234;

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    umask(022);
    char made[] = "/tmp/quoin-folder-XXXXXX";
    ASSERT_NE(mkdtemp(made), nullptr);
    ASSERT_EQ(chmod(made, 0755), 0);
    folder = made;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path(const std::string& name) const { return folder + "/" + name; }
  void make_folder_of(const std::string& name, uid_t owner, mode_t mode) const {
    ASSERT_EQ(mkdir(path(name).c_str(), 0755), 0);
    ASSERT_EQ(chown(path(name).c_str(), owner, owner), 0);
    ASSERT_EQ(chmod(path(name).c_str(), mode), 0);
  }
  void link(const std::string& target, const std::string& name) const {
    ASSERT_EQ(symlink(target.c_str(), path(name).c_str()), 0);
  }
  static mode_t mode_of(const std::string& of) {
    struct stat found{};
    EXPECT_EQ(lstat(of.c_str(), &found), 0) << of;
    return found.st_mode & 07777;
  }
  static std::optional<FileError> refusal(const std::string& of) {
    const auto made = Folder::make(of, {});
    return made ? std::nullopt : std::optional(made.error().error);
  }
  std::string folder;
};

bool done_by_another(const std::function<bool()>& what) {
  const pid_t child = fork();
  if (child == 0) _exit(setgid(another) == 0 && setuid(another) == 0 && what() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0;
}

#define NEEDS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root"

TEST_F(FolderTest, makes_what_is_missing_of_a_folder) {
  ASSERT_TRUE(Folder::make(path("a/b/state"), {}));
  EXPECT_EQ(mode_of(path("a/b")), 0755U);
  EXPECT_EQ(mode_of(path("a/b/state")), 0700U);
  EXPECT_TRUE(Folder::make(path("a/b/state/"), {}));
}

TEST_F(FolderTest, gives_a_folder_its_mode_and_group) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(Folder::make(path("socket"), {.mode = 0750, .group = "daemon"}));
  struct stat found{};
  ASSERT_EQ(stat(path("socket").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0750U);
  EXPECT_EQ(found.st_gid, 1U);
  EXPECT_TRUE(Folder::make(path("other"), {.mode = 0750, .group = "no-such-group"}));
}

TEST_F(FolderTest, narrows_a_folder_that_is_too_open_to_read) {
  ASSERT_EQ(mkdir(path("state").c_str(), 0755), 0);
  ASSERT_TRUE(Folder::make(path("state"), {}));
  EXPECT_EQ(mode_of(path("state")), 0700U);
}

TEST_F(FolderTest, refuses_a_folder_that_others_may_write) {
  ASSERT_EQ(mkdir(path("state").c_str(), 0700), 0);
  ASSERT_EQ(chmod(path("state").c_str(), 0770), 0);
  const auto made = Folder::make(path("state"), {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().error, FileError::open_to_others);
  EXPECT_EQ(made.error().text, path("state") + " may be written by others; take that right away (chmod go-w)");
}

TEST_F(FolderTest, refuses_a_folder_of_another) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(mkdir(path("state").c_str(), 0700), 0);
  ASSERT_EQ(chown(path("state").c_str(), 1234, 1234), 0);
  EXPECT_EQ(Folder::make(path("state"), {}).error().error, FileError::of_another);
}

TEST_F(FolderTest, refuses_a_link_or_a_file_for_a_folder) {
  ASSERT_EQ(mkdir(path("real").c_str(), 0700), 0);
  ASSERT_EQ(symlink(path("real").c_str(), path("link").c_str()), 0);
  EXPECT_EQ(Folder::make(path("link"), {}).error().error, FileError::is_link);
  EXPECT_EQ(Folder::make(path("link/"), {}).error().error, FileError::is_link);
  ASSERT_TRUE(replace_file(*Folder::make(folder, {}), "file", bytes_of("x")));
  EXPECT_EQ(Folder::make(path("file"), {}).error().error, FileError::wrong_kind);
}

// Who may write a folder on the way can exchange what it holds.

TEST_F(FolderTest, refuses_a_folder_under_one_of_others_and_says_which_its_mode_and_what_to_do) {
  NEEDS_ROOT();
  make_folder_of("theirs", another, 0755);
  const auto made = Folder::make(path("theirs/state"), {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().error, FileError::of_another);
  EXPECT_EQ(made.error().text, path("theirs") + " (mode 0755), on the way to " + path("theirs/state") +
                                   ", belongs to user 1234, who could exchange what it holds: give it to the user who "
                                   "runs this, or choose a path where only root and the user who runs this may write");
  EXPECT_FALSE(std::filesystem::exists(path("theirs/state")));
}

TEST_F(FolderTest, refuses_a_folder_under_one_that_others_may_write) {
  for (const mode_t mode : {0777, 0775, 0757}) {
    ASSERT_EQ(mkdir(path("open").c_str(), 0755), 0);
    ASSERT_EQ(mkdir(path("open/state").c_str(), 0700), 0);
    ASSERT_EQ(chmod(path("open").c_str(), mode), 0);
    EXPECT_EQ(refusal(path("open/state")), FileError::open_to_others) << std::oct << mode;
    EXPECT_EQ(refusal(path("open/deeper/state")), FileError::open_to_others);
    EXPECT_EQ(refusal(path("open/../state")), FileError::open_to_others);
    std::filesystem::remove_all(path("open"));
  }
}

TEST_F(FolderTest, goes_through_a_sticky_folder_but_not_through_what_others_made_there) {
  NEEDS_ROOT();
  make_folder_of("tmp", 0, 01777);
  EXPECT_TRUE(Folder::make(path("tmp/ours/state"), {}));
  ASSERT_TRUE(done_by_another([&] { return mkdir(path("tmp/theirs").c_str(), 0755) == 0; }));
  EXPECT_EQ(refusal(path("tmp/theirs/state")), FileError::of_another);
  EXPECT_EQ(refusal(path("tmp/theirs")), FileError::of_another);
  EXPECT_EQ(refusal(path("tmp")), FileError::open_to_others);
  make_folder_of("their_tmp", another, 01777);
  EXPECT_EQ(refusal(path("their_tmp/state")), FileError::of_another);
}

TEST_F(FolderTest, follows_a_link_on_the_way_only_if_nobody_else_could_have_put_it_there) {
  NEEDS_ROOT();
  make_folder_of("real", 0, 0755);
  link(path("real"), "absolute");
  link("real", "relative");
  EXPECT_TRUE(Folder::make(path("absolute/one"), {}));
  EXPECT_TRUE(Folder::make(path("relative/two"), {}));
  EXPECT_TRUE(std::filesystem::exists(path("real/one")) && std::filesystem::exists(path("real/two")));
  link(path("real"), "theirs");
  ASSERT_EQ(lchown(path("theirs").c_str(), another, another), 0);
  EXPECT_EQ(refusal(path("theirs/three")), FileError::is_link);
  make_folder_of("tmp", 0, 01777);
  link(path("real"), "tmp/ours");
  EXPECT_EQ(refusal(path("tmp/ours/three")), FileError::is_link);
  EXPECT_FALSE(std::filesystem::exists(path("real/three")));
}

TEST_F(FolderTest, judges_where_a_link_leads_as_it_judges_the_way) {
  NEEDS_ROOT();
  make_folder_of("theirs", another, 0755);
  ASSERT_EQ(mkdir(path("theirs/real").c_str(), 0755), 0);
  link("theirs/real", "link");
  EXPECT_EQ(refusal(path("link/state")), FileError::of_another);
  link("round", "round");
  EXPECT_EQ(refusal(path("round/state")), FileError::is_link);
}

TEST_F(FolderTest, a_path_that_is_not_whole_begins_where_we_run) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  const auto made = Folder::make("a/state", {});
  std::filesystem::current_path(before);
  EXPECT_TRUE(made);
  EXPECT_EQ(mode_of(path("a/state")), 0700U);
}

TEST_F(FolderTest, a_secret_is_not_read_from_under_a_folder_of_others) {
  NEEDS_ROOT();
  make_folder_of("theirs", another, 0755);
  make_folder_of("theirs/ours", 0, 0700);
  std::ofstream(path("theirs/ours/key")) << "k";
  for (const FileTrust trust : {FileTrust::ours_linked, FileTrust::ours_only, FileTrust::secret}) {
    const auto read = read_file(path("theirs/ours/key"), 10, trust);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().error, FileError::of_another);
  }
  EXPECT_TRUE(read_file(path("theirs/ours/key"), 10, FileTrust::any));
}

TEST_F(FolderTest, a_link_leads_to_a_file_that_may_be_linked_only_from_where_nobody_else_writes) {
  NEEDS_ROOT();
  std::ofstream(path("roots")) << "pem";
  link("roots", "link");
  EXPECT_TRUE(read_file(path("link"), 10, FileTrust::ours_linked));
  EXPECT_EQ(read_file(path("link"), 10, FileTrust::ours_only).error().error, FileError::is_link);
  make_folder_of("theirs", another, 0755);
  link(path("roots"), "theirs/link");
  EXPECT_EQ(read_file(path("theirs/link"), 10, FileTrust::ours_linked).error().error, FileError::of_another);
}

TEST_F(FolderTest, what_is_written_to_a_folder_is_not_written_to_another_that_has_taken_its_path) {
  NEEDS_ROOT();
  make_folder_of("parent", 0, 0755);
  const auto state = Folder::make(path("parent/state"), {});
  ASSERT_TRUE(state);
  ASSERT_TRUE(replace_file(*state, "head", bytes_of("first")));
  ASSERT_EQ(chown(path("parent").c_str(), another, another), 0);  // by somebody who does not know what it holds
  ASSERT_TRUE(done_by_another([&] {
    return rename(path("parent/state").c_str(), path("parent/old").c_str()) == 0 &&
           mkdir(path("parent/state").c_str(), 0777) == 0 && chmod(path("parent/state").c_str(), 0777) == 0 &&
           symlink("/etc/passwd", path("parent/state/audit").c_str()) == 0;
  }));
  EXPECT_TRUE(replace_file(*state, "head", bytes_of("second")));
  EXPECT_TRUE(AppendFile::open(*state, "audit"));
  EXPECT_TRUE(LockFile::take(*state, "lock"));
  EXPECT_EQ(text_of(*read_file(*state, "head", 100)), "second");
  EXPECT_FALSE(std::filesystem::exists(path("parent/state/head")));
  EXPECT_FALSE(std::filesystem::exists(path("parent/state/lock")));
  EXPECT_EQ(text_of(*read_file(path("parent/old/head"), 100, FileTrust::any)), "second");
}

}  // namespace
}  // namespace quoin::io
