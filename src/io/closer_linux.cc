#include <chrono>
#include <condition_variable>
#include <deque>
#include <latch>
#include <mutex>
#include <system_error>
#include <thread>

#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/closer.h"

namespace quoin::io {

namespace {

constexpr std::chrono::milliseconds pause_after_failure{100};  // of a machine that has no memory for a thread

// What two threads need to know of each other so that the second one's exit closes the last copy.
struct Handover {
  std::latch copied{1};
  std::latch closed{1};
  bool holds_copy = false;
};

bool close_all_but(int number) {
  const auto until = static_cast<unsigned>(number);
  if (syscall(SYS_close_range, until + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) return false;
  return until == 0 || syscall(SYS_close_range, 0U, until - 1, 0) == 0;
}

// False if the machine has no thread, or no memory for its table of descriptors.
bool close_in_an_exit(Descriptor& socket) {
  const auto handover = std::make_shared<Handover>();
  try {
    std::thread([handover, number = socket.number()] {
      handover->holds_copy = close_all_but(number);
      handover->copied.count_down();
      handover->closed.wait();
    }).detach();
  } catch (const std::system_error&) {
    return false;
  }
  handover->copied.wait();
  const bool is_held = handover->holds_copy;
  if (is_held) socket.close();  // not the last copy
  handover->closed.count_down();
  return is_held;
}

}  // namespace

struct Closer::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Descriptor> sockets;
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
  shared_->changed.notify_one();
}

void Closer::Shared::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return ended || !sockets.empty(); });
    if (sockets.empty()) return;
    Descriptor socket = std::move(sockets.front());
    sockets.pop_front();
    lock.unlock();
    while (!close_in_an_exit(socket)) std::this_thread::sleep_for(pause_after_failure);
    lock.lock();
  }
}

}  // namespace quoin::io
