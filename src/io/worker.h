// A thread beside the loop for calls that may take their time or never return: a disk that syncs, a user directory that
// is asked. Jobs run one after another in the order they were given.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "io/loop.h"

namespace quoin::io {

class Worker {
 public:
  static constexpr std::size_t waiting_max = 64;

  // A job runs on the worker's thread and touches only what it owns; what it returns runs on the loop's.
  using Job = std::move_only_function<Callback()>;

  explicit Worker(Loop& loop);
  ~Worker();  // nothing runs on the loop afterwards; jobs that wait are dropped, one that runs is left to itself
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] bool run(Job job);  // false, and nothing runs: as many wait as may

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace quoin::io
