#include "io/worker.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace quoin::io {

// What both threads share. A job cannot be interrupted, so that the thread may outlive the worker; it then finds that
// it has ended, and ends too.
struct Worker::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  bool ended = false;
  Loop* loop = nullptr;

  static void work(const std::shared_ptr<Shared>& shared);
};

Worker::Worker(Loop& loop) : shared_(std::make_shared<Shared>()) {
  shared_->loop = &loop;
  std::thread([shared = shared_] { Shared::work(shared); }).detach();
}

Worker::~Worker() {
  std::deque<Job> dropped;
  const std::lock_guard lock(shared_->mutex);
  shared_->ended = true;
  dropped.swap(shared_->jobs);
  shared_->changed.notify_all();
}

bool Worker::run(Job job) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->jobs.size() >= waiting_max) return false;
  shared_->jobs.push_back(std::move(job));
  shared_->changed.notify_one();
  return true;
}

void Worker::Shared::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->changed.wait(lock, [&] { return shared->ended || !shared->jobs.empty(); });
    if (shared->ended) return;
    Job job = std::move(shared->jobs.front());
    shared->jobs.pop_front();
    lock.unlock();
    Callback done = job();
    lock.lock();
    if (shared->ended) return;
    shared->loop->post([shared, done = std::move(done)]() mutable {
      if (!shared->ended) done();  // set by the thread that runs this
    });
  }
}

}  // namespace quoin::io
