// Files read on a thread beside the loop, each in its time: a disk or a file server that hangs is a sentence, and holds
// up nothing else that is asked of the loop.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "io/clock.h"
#include "io/timer.h"
#include "io/worker.h"

namespace quoin::apps {

class FileReads {
 public:
  static constexpr Duration patience = seconds(5);

  explicit FileReads(io::Loop& loop) : loop_(loop), worker_(loop) {}

  // `read` runs on the thread and touches only what it owns; `done` is called once, from the loop. What comes later
  // than `patience` is dropped.
  template <class T>
  void begin(const std::string& what, std::move_only_function<Result<T, std::string>()> read,
             std::move_only_function<void(Result<T, std::string>)> done);

 private:
  io::Loop& loop_;
  std::list<std::unique_ptr<io::Timer>> patience_;  // of each read under way
  io::Worker worker_;
};

template <class T>
void FileReads::begin(const std::string& what, std::move_only_function<Result<T, std::string>()> read,
                      std::move_only_function<void(Result<T, std::string>)> done) {
  const auto waiting = std::make_shared<std::move_only_function<void(Result<T, std::string>)>>(std::move(done));
  const auto timer = patience_.emplace(patience_.end());
  const auto end = [this, waiting, timer](Result<T, std::string> result) {
    auto call = std::exchange(*waiting, nullptr);
    if (!call) return;
    loop_.post([this, timer] { patience_.erase(timer); });  // it may be the one that calls
    call(std::move(result));
  };
  *timer = std::make_unique<io::Timer>(loop_, [end, what] {
    end(failure(what + " was not read within " + std::to_string(patience / seconds(1)) + " seconds: check the disk"));
  });
  (*timer)->set(io::now() + patience);
  const bool is_begun = worker_.run([read = std::move(read), end]() mutable {
    return io::Callback([end, result = read()]() mutable { end(std::move(result)); });
  });
  if (!is_begun)
    end(failure(what + " was not read, since others that were to be read before still are: check the disk"));
}

}  // namespace quoin::apps
