// For tests: what a hostile peer sends over a Unix socket to hold up whoever closes it. A TCP socket with bytes that
// nobody reads and a linger of an hour, so that the close of its last copy waits; after `patience` its other side ends
// the wait, so that what should not have waited can say so.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>

#include "io/descriptor.h"

namespace quoin::io {

// 0, or why it was not sent.
int send_descriptor(int to, int number, std::string_view text, int flags = 0);
// As on a kernel before 6.16: every Unix socket of this process takes descriptors again.
void let_descriptors_pass();
bool kernel_can_refuse_descriptors();

class HostileDescriptor {
 public:
  static constexpr std::chrono::seconds patience{4};

  HostileDescriptor();

  // And our own copy is closed, so that the one on its way is the last.
  int send_to(int to, std::string_view text, int flags = 0);
  bool held_somebody_up() const { return was_waited_for_; }

 private:
  Descriptor socket_, device_;
  std::mutex mutex_;
  std::condition_variable_any over_;
  std::atomic<bool> was_waited_for_ = false;
  std::jthread watch_;
};

}  // namespace quoin::io
