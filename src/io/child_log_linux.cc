#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include <unistd.h>

#include "io/child_log.h"
#include "io/clock.h"
#include "io/log.h"

namespace quoin::io {

namespace {

constexpr std::size_t pipe_bytes_max = 64 * 1024;  // pipe(7)

}  // namespace

ChildLog::ChildLog(Loop& loop, Descriptor pipe, std::string name)
    : pipe_(loop, std::move(pipe)),
      name_(std::move(name)),
      again_(loop,
             [this] {
               hand_on(false);
               wait();
             }),
      counted_(now()) {
  wait();
}

void ChildLog::earn() {
  const auto earned =
      static_cast<std::size_t>(std::clamp<std::int64_t>((now() - counted_) / line_every, 0, lines_burst));
  if (earned == 0) return;
  lines_left_ = std::min(lines_burst, lines_left_ + earned);
  counted_ = now();
}

// Not before there is room for a line: the rest stays in the pipe.
void ChildLog::wait() {
  if (lines_left_ == 0) return again_.set(counted_ + line_every);
  pipe_.wait_readable([this] { receive(); });
}

void ChildLog::receive() {
  std::array<char, line_bytes_max> space;
  const ssize_t got = read(pipe_.number(), space.data(), space.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return wait();
  if (got <= 0) return hand_on(true);  // nobody has the other end any more
  received_.append(space.data(), static_cast<std::size_t>(got));
  hand_on(false);
  wait();
}

// Whole lines, or all there is; as many as there are to its credit.
void ChildLog::hand_on(bool all) {
  earn();
  std::size_t begin = 0;
  while (lines_left_ > 0 && begin < received_.size()) {
    std::size_t end = received_.find('\n', begin);
    if (end == std::string::npos) {
      if (!all && received_.size() - begin < line_bytes_max) break;
      end = received_.size();
    }
    const std::size_t length = std::min(end - begin, line_bytes_max);
    if (length > 0) log(LogLevel::info, name_ + ": " + received_.substr(begin, length));
    lines_left_--;  // for an empty one as well
    begin += length + (length == end - begin ? 1 : 0);
  }
  received_.erase(0, std::min(received_.size(), begin));
}

void ChildLog::finish() {
  std::array<char, line_bytes_max> space;
  std::size_t read_before = 0;
  for (ssize_t got; read_before < pipe_bytes_max && (got = read(pipe_.number(), space.data(), space.size())) > 0;) {
    received_.append(space.data(), static_cast<std::size_t>(got));
    read_before += static_cast<std::size_t>(got);
  }
  hand_on(true);
  if (const auto left = std::ranges::count(received_, '\n'); left > 0) {
    log(LogLevel::info, name_ + ": said more than is written here; " + std::to_string(left) + " lines were dropped");
  }
  pipe_.cancel();
  again_.clear();
  received_.clear();
}

}  // namespace quoin::io
