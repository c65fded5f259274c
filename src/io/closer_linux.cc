#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <latch>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/closer.h"

namespace quoin::io {

namespace {

constexpr std::chrono::milliseconds pause_after_failure{100};  // of a machine that has no memory for a thread

constexpr std::size_t batch_max = 256;  // closed by one thread's end
constexpr std::size_t busy_from = 256;

// What two threads need to know of each other so that the second one's exit closes the last copies.
struct Handover {
  std::latch copied{1};
  std::latch closed{1};
  bool holds_copies = false;
};

// Of the process's descriptors this thread keeps copies of these alone; they are in order.
bool close_all_but(const std::vector<int>& numbers) {
  const auto last = static_cast<unsigned>(numbers.back());
  if (syscall(SYS_close_range, last + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) return false;
  unsigned from = 0;
  for (const int number : numbers) {
    const auto kept = static_cast<unsigned>(number);
    if (kept > from && syscall(SYS_close_range, from, kept - 1, 0) != 0) return false;
    from = kept + 1;
  }
  return true;
}

// False if the machine has no thread, or no memory for its table of descriptors.
bool close_in_an_exit(std::vector<Descriptor>& sockets) {
  std::vector<int> numbers;
  for (const Descriptor& each : sockets) numbers.push_back(each.number());
  std::ranges::sort(numbers);
  const auto handover = std::make_shared<Handover>();
  try {
    std::thread([handover, numbers = std::move(numbers)] {
      handover->holds_copies = close_all_but(numbers);
      handover->copied.count_down();
      handover->closed.wait();
    }).detach();
  } catch (const std::system_error&) {
    return false;
  }
  handover->copied.wait();
  const bool are_held = handover->holds_copies;
  if (are_held) sockets.clear();  // not the last copies
  handover->closed.count_down();
  return are_held;
}

}  // namespace

struct Closer::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Descriptor> sockets;
  std::atomic<std::size_t> waiting = 0;
  bool ended = false;

  void work();
};

Closer::Closer() : shared_(std::make_shared<Shared>()) {
  std::thread([shared = shared_] { shared->work(); }).detach();
}

Closer::~Closer() {
  const std::lock_guard lock(shared_->mutex);
  shared_->ended = true;
  shared_->changed.notify_one();
}

void Closer::close(Descriptor socket) {
  if (!socket) return;
  shutdown(socket.number(), SHUT_RDWR);
  const std::lock_guard lock(shared_->mutex);
  shared_->sockets.push_back(std::move(socket));
  shared_->waiting++;
  shared_->changed.notify_one();
}

bool Closer::is_busy() const {
  return shared_->waiting >= busy_from;
}

void Closer::Shared::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return ended || !sockets.empty(); });
    if (sockets.empty()) return;
    std::vector<Descriptor> batch;
    while (!sockets.empty() && batch.size() < batch_max) {
      batch.push_back(std::move(sockets.front()));
      sockets.pop_front();
    }
    lock.unlock();
    const std::size_t closing = batch.size();
    while (!close_in_an_exit(batch)) std::this_thread::sleep_for(pause_after_failure);
    waiting -= closing;
    lock.lock();
  }
}

}  // namespace quoin::io
