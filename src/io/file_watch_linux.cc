#include <array>
#include <filesystem>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

#include "io/file_watch.h"

namespace quoin::io {

namespace {

constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

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
// and both are looked at where a link leads. What is watched already stays watched; what is not there is left out.
void FileWatch::look_at_paths() {
  for (const std::string& path : paths_) {
    std::error_code missing;
    const std::filesystem::path named(path);
    const std::filesystem::path real = std::filesystem::weakly_canonical(named, missing);
    for (const auto& each : {named.parent_path(), real.parent_path(), real}) {
      if (!each.empty()) inotify_add_watch(events_.number(), each.c_str(), changes);
    }
  }
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
