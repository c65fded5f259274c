#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "io/file_watch.h"
#include "io/run_until.h"

namespace quoin::io {
namespace {

class FileWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    char made[] = "/tmp/quoin-watch-XXXXXX";
    ASSERT_NE(mkdtemp(made), nullptr);
    folder = made;
    std::filesystem::create_directory(folder / "etc");
    std::filesystem::create_directory(folder / "run");
    file = folder / "etc" / "resolv.conf";
  }
  void TearDown() override {
    watch.reset();
    std::filesystem::remove_all(folder);
  }
  void begin() {
    auto watching = FileWatch::watch(loop, {file.string()}, [this] { changed = true; });
    ASSERT_TRUE(watching);
    watch = std::move(*watching);
  }
  bool is_noticed(const std::function<void()>& change) {
    changed = false;
    change();
    return run_until(loop, [this] { return changed; });
  }
  static void write(const std::filesystem::path& path, std::string_view text) { std::ofstream(path) << text; }

  std::filesystem::path folder, file;
  Loop loop;
  std::unique_ptr<FileWatch> watch;
  bool changed = false;
};

TEST_F(FileWatchTest, notices_a_file_that_is_made_written_replaced_and_removed) {
  begin();
  EXPECT_TRUE(is_noticed([&] { write(file, "one"); }));
  EXPECT_TRUE(is_noticed([&] { write(file, "two"); }));
  write(folder / "run" / "new", "three");
  EXPECT_TRUE(is_noticed([&] { std::filesystem::rename(folder / "run" / "new", file); }));
  EXPECT_TRUE(is_noticed([&] { std::filesystem::remove(file); }));
}

TEST_F(FileWatchTest, follows_a_link_also_to_where_it_is_led_later) {
  write(folder / "run" / "stub", "one");
  std::filesystem::create_symlink("../run/stub", file);
  begin();
  EXPECT_TRUE(is_noticed([&] { write(folder / "run" / "stub", "two"); }));
  std::filesystem::create_directory(folder / "elsewhere");
  write(folder / "elsewhere" / "other", "three");
  EXPECT_TRUE(is_noticed([&] {
    std::filesystem::remove(file);
    std::filesystem::create_symlink("../elsewhere/other", file);
  }));
  EXPECT_TRUE(is_noticed([&] { write(folder / "elsewhere" / "other", "four"); }));
}

TEST_F(FileWatchTest, notices_a_file_in_folders_that_are_made_later) {
  std::filesystem::create_symlink("../run/systemd/resolve/stub", file);
  begin();
  EXPECT_TRUE(is_noticed([&] { std::filesystem::create_directory(folder / "run" / "systemd"); }));
  EXPECT_TRUE(is_noticed([&] { std::filesystem::create_directory(folder / "run" / "systemd" / "resolve"); }));
  EXPECT_TRUE(is_noticed([&] { write(folder / "run" / "systemd" / "resolve" / "stub", "one"); }));
  EXPECT_TRUE(is_noticed([&] { write(folder / "run" / "systemd" / "resolve" / "stub", "two"); }));
  EXPECT_TRUE(is_noticed([&] { std::filesystem::remove_all(folder / "run" / "systemd"); }));
  EXPECT_TRUE(is_noticed([&] { std::filesystem::create_directories(folder / "run" / "systemd" / "resolve"); }));
  EXPECT_TRUE(is_noticed([&] { write(folder / "run" / "systemd" / "resolve" / "stub", "three"); }));
}

}  // namespace
}  // namespace quoin::io
