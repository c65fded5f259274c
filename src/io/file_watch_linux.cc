#include <array>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

#include "io/file_watch.h"

namespace quoin::io {

namespace {

constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr int links_max = 40;  // one after another: path_resolution(7)

}  // namespace

Result<std::unique_ptr<FileWatch>, SystemError> FileWatch::watch(Loop& loop, std::vector<std::string> paths,
                                                                 Callback changed) {
  Descriptor events(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!events) return system_failure("watch files");
  return std::unique_ptr<FileWatch>(new FileWatch(loop, std::move(events), std::move(paths), std::move(changed)));
}

FileWatch::FileWatch(Loop& loop, Descriptor events, std::vector<std::string> paths, Callback changed)
    : events_(loop, std::move(events)),
      paths_(std::move(paths)),
      changed_(std::make_shared<Callback>(std::move(changed))) {
  look_at_paths();
  wait();
}

// The folder sees a file that is replaced, or made; the file itself one that is mounted there and written elsewhere;
// and both are looked at where a link leads, also one to what is not there yet. What is watched already stays watched.
void FileWatch::look_at_paths() {
  for (const std::string& path : paths_) {
    std::filesystem::path named(path);
    for (int links = 0; links < links_max; links++) {
      watch_folder(named.parent_path());
      watch_one(named);
      std::error_code no_link;
      const std::filesystem::path target = std::filesystem::read_symlink(named, no_link);
      if (no_link) break;
      named = named.parent_path() / target;  // which is the target alone if that is absolute
    }
  }
}

// Or the nearest above it that is there, which sees it come. Then downwards again: what has come before the folder
// above it was watched is seen by nobody.
void FileWatch::watch_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> missing;
  std::filesystem::path there = folder;
  while (!watch_one(there) && there.has_relative_path()) {
    missing.push_back(there);
    there = there.parent_path();
  }
  while (!missing.empty() && watch_one(missing.back())) missing.pop_back();
}

bool FileWatch::watch_one(const std::filesystem::path& path) {
  return inotify_add_watch(events_.number(), path.c_str(), changes) >= 0;
}

void FileWatch::wait() {
  events_.wait_readable([this] {
    std::array<char, 4096> space;
    while (read(events_.number(), space.data(), space.size()) > 0) {
    }
    look_at_paths();
    wait();
    const std::shared_ptr<Callback> changed = changed_;
    (*changed)();
  });
}

}  // namespace quoin::io
