#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "base/printable.h"
#include "io/log.h"

namespace quoin::io {

namespace {

constexpr std::chrono::milliseconds last_moment(200);

struct Settings {
  std::string program = "quoin";
  LogLevel least = LogLevel::info;
  LogThread* thread = nullptr;
  bool is_over = false;       // the thread has gone, and what it could not write is not waited for now
  std::uint64_t dropped = 0;  // without a thread
};

Settings& settings() {
  static Settings ours;
  return ours;
}

const char* word_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return "trace";
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "error";
}

// No time: whoever collects stderr adds it, and it would need the zone's file.
std::string line_of(LogLevel level, std::string_view text) {
  return settings().program + ": " + word_of(level) + ": " + printable(text, log_line_bytes_max) + "\n";
}

std::string note_of(std::uint64_t dropped) {
  return line_of(LogLevel::warning, std::to_string(dropped) + (dropped == 1 ? " line was" : " lines were") +
                                        " dropped, because nobody took what is written here");
}

// What could not be written is left over.
bool write_whole(std::string_view& line) {
  while (!line.empty()) {
    const ssize_t put = write(STDERR_FILENO, line.data(), line.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    line.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

bool write_at_once(std::string_view line) {
  return write_whole(line);
}

// One that somebody else has made non-blocking is waited for, too.
bool write_patiently(std::string_view line) {
  while (!write_whole(line)) {
    if (errno != EAGAIN) return false;
    pollfd writable{STDERR_FILENO, POLLOUT, 0};
    poll(&writable, 1, -1);
  }
  return true;
}

}  // namespace

struct LogThread::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable emptied;
  std::deque<std::string> waiting;
  std::size_t bytes = 0;  // of them
  std::uint64_t dropped = 0;
  bool ended = false;

  void push(std::string line) {
    bytes += line.size();
    waiting.push_back(std::move(line));
  }
  void add(std::string line) {
    const std::lock_guard lock(mutex);
    if (bytes + line.size() > waiting_bytes_max) {
      dropped++;
      return;
    }
    if (dropped > 0) push(note_of(std::exchange(dropped, 0)));
    push(std::move(line));
    changed.notify_one();
  }
  static void work(const std::shared_ptr<Shared>& shared);
};

void LogThread::Shared::work(const std::shared_ptr<Shared>& shared) {
  bool is_broken = false;  // a pipe whose reader has gone: there is nobody to be told
  std::unique_lock lock(shared->mutex);
  for (;;) {
    if (shared->waiting.empty() && shared->dropped > 0 && !is_broken)
      shared->push(note_of(std::exchange(shared->dropped, 0)));
    if (shared->waiting.empty()) {
      shared->emptied.notify_all();
      if (shared->ended) return;
      shared->changed.wait(lock);
      continue;
    }
    const std::string line = std::move(shared->waiting.front());
    shared->waiting.pop_front();
    lock.unlock();
    is_broken = !write_patiently(line);
    lock.lock();
    shared->bytes -= line.size();
    if (is_broken) shared->dropped++;
  }
}

LogThread::LogThread() : shared_(std::make_shared<Shared>()) {
  settings().thread = this;
  std::thread([shared = shared_] { Shared::work(shared); }).detach();
}

LogThread::~LogThread() {
  settings().thread = nullptr;
  settings().is_over = true;
  std::unique_lock lock(shared_->mutex);
  shared_->ended = true;
  shared_->changed.notify_one();
  shared_->emptied.wait_for(lock, last_moment, [this] { return shared_->waiting.empty() && shared_->bytes == 0; });
}

void start_log(std::string_view program, LogLevel least) {
  settings().program = program;
  settings().least = least;
}

void log(LogLevel level, std::string_view text) {
  Settings& ours = settings();
  if (level < ours.least || ours.is_over) return;
  std::string line = line_of(level, text);
  if (ours.thread != nullptr) return ours.thread->shared_->add(std::move(line));
  if (ours.dropped > 0 && write_at_once(note_of(ours.dropped))) ours.dropped = 0;
  if (!write_at_once(line)) ours.dropped++;
}

}  // namespace quoin::io
