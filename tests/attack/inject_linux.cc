// quoin-inject: stops a thread of another process and makes it do system calls, one by one or in floods. Test-only;
// tests/system/taken_over.py drives it.
//
//   quoin-inject THREAD
//
// Says "stopped", then answers each line of its standard input with one:
//
//   call NUMBER [ARGUMENT...]                          result N    an error as -errno
//   repeat COUNT MILLISECONDS NUMBER [ARGUMENT...]     results N:TIMES...    until either is used up
//   write ADDRESS HEX                                  ok, or failed
//   read ADDRESS LENGTH                                bytes HEX, or failed
//
// At the end of its input it lets the thread go on where it was. When the process dies it says "killed SIGNAL" or
// "exited STATUS", unasked as well, and ends.
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "traced_thread.h"

namespace quoin::attack {
namespace {

constexpr std::size_t distinct_results_max = 64;
constexpr std::size_t read_bytes_max = 16 << 20;

std::optional<std::uint64_t> number(std::string_view text) {
  std::int64_t is_signed = 0;
  std::uint64_t is_unsigned = 0;
  const char* const end = text.data() + text.size();
  if (const auto [at, problem] = std::from_chars(text.data(), end, is_signed); problem == std::errc{} && at == end) {
    return static_cast<std::uint64_t>(is_signed);
  }
  if (const auto [at, problem] = std::from_chars(text.data(), end, is_unsigned); problem == std::errc{} && at == end) {
    return is_unsigned;
  }
  return std::nullopt;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto length = std::min(line.find(' '), line.size());
    if (length > 0) words.push_back(line.substr(0, length));
    line.remove_prefix(std::min(length + 1, line.size()));
  }
  return words;
}

std::optional<std::vector<std::uint64_t>> numbers_of(const std::vector<std::string_view>& words, std::size_t first) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = first; i < words.size(); i++) {
    const auto one = number(words[i]);
    if (!one) return std::nullopt;
    numbers.push_back(*one);
  }
  return numbers;
}

std::optional<SystemCall> call_from(const std::vector<std::uint64_t>& numbers, std::size_t first) {
  SystemCall call;
  if (numbers.size() <= first || numbers.size() > first + 1 + call.arguments.size()) return std::nullopt;
  call.number = numbers[first];
  for (std::size_t i = first + 1; i < numbers.size(); i++) call.arguments[i - first - 1] = numbers[i];
  return call;
}

std::uint64_t milliseconds_now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1000 + static_cast<std::uint64_t>(at.tv_nsec) / 1'000'000;
}

std::string text_of_death(Died died) {
  return (died.by_signal ? "killed " : "exited ") + std::to_string(died.value);
}

// Answers are one line each; nothing where the line is not understood.
class Orders {
 public:
  explicit Orders(TracedThread& thread) : thread_(thread) {}

  std::optional<std::string> answer(std::string_view line) {
    const auto words = words_of(line);
    if (words.empty()) return std::nullopt;
    if (words[0] == "write" && words.size() == 3) return write(words[1], words[2]);
    const auto numbers = numbers_of(words, 1);
    if (!numbers) return std::nullopt;
    if (words[0] == "call") return call(*numbers);
    if (words[0] == "repeat") return repeat(*numbers);
    if (words[0] == "read") return read(*numbers);
    return std::nullopt;
  }

 private:
  std::optional<std::string> call(const std::vector<std::uint64_t>& numbers) {
    const auto call = call_from(numbers, 0);
    if (!call) return std::nullopt;
    const Outcome outcome = thread_.call(*call);
    if (const auto* died = std::get_if<Died>(&outcome)) return text_of_death(*died);
    return "result " + std::to_string(std::get<std::int64_t>(outcome));
  }

  std::optional<std::string> repeat(const std::vector<std::uint64_t>& numbers) {
    const auto call = call_from(numbers, 2);
    if (!call) return std::nullopt;
    std::map<std::int64_t, std::uint64_t> results;
    const std::uint64_t end = milliseconds_now() + numbers[1];
    for (std::uint64_t done = 0; done < numbers[0] && milliseconds_now() < end; done++) {
      const Outcome outcome = thread_.call(*call);
      if (const auto* died = std::get_if<Died>(&outcome)) return text_of_death(*died);
      const auto result = std::get<std::int64_t>(outcome);
      if (results.size() < distinct_results_max || results.contains(result)) results[result]++;
    }
    std::string text = "results";
    for (const auto& [result, times] : results) text += " " + std::to_string(result) + ":" + std::to_string(times);
    return text;
  }

  std::optional<std::string> write(std::string_view address, std::string_view hex) {
    const auto at = number(address);
    const auto bytes = from_hex(hex);
    if (!at || !bytes) return std::nullopt;
    return thread_.write_memory(*at, *bytes) ? "ok" : "failed";
  }

  std::optional<std::string> read(const std::vector<std::uint64_t>& numbers) {
    if (numbers.size() != 2 || numbers[1] > read_bytes_max) return std::nullopt;
    Buffer space(numbers[1]);
    return thread_.read_memory(numbers[0], space) ? "bytes " + to_hex(space) : "failed";
  }

  TracedThread& thread_;
};

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// The next line of standard input; nothing at its end or when the process has died.
std::optional<std::string> next_line(std::string& waiting, TracedThread& thread) {
  for (;;) {
    if (const auto end = waiting.find('\n'); end != std::string::npos) {
      std::string line = waiting.substr(0, end);
      waiting.erase(0, end + 1);
      return line;
    }
    if (thread.look_whether_it_died()) return std::nullopt;
    sigset_t none;
    sigemptyset(&none);
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (ppoll(&input, 1, nullptr, &none) < 0) continue;  // SIGCHLD: something has become of it
    char space[65'536];
    const auto count = ::read(STDIN_FILENO, space, sizeof space);
    if (count <= 0) return std::nullopt;
    waiting.append(space, static_cast<std::size_t>(count));
  }
}

int run(int count, char** words) {
  const auto thread_number = count == 2 ? number(words[1]) : std::nullopt;
  if (!thread_number) {
    std::fputs("usage: quoin-inject THREAD\n", stderr);
    return 2;
  }
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  struct sigaction heard{};
  heard.sa_handler = [](int) {};
  sigaction(SIGCHLD, &heard, nullptr);
  const auto thread = TracedThread::stop(static_cast<int>(*thread_number));
  if (!thread) {
    std::fprintf(stderr, "quoin-inject: %s\n", thread.error().c_str());
    return 1;
  }
  say("stopped");
  Orders orders(**thread);
  std::string waiting;
  while (const auto line = next_line(waiting, **thread)) {
    const auto answer = orders.answer(*line);
    if (!answer) {
      std::fprintf(stderr, "quoin-inject: not understood: %s\n", line->c_str());
      return 2;
    }
    if ((*thread)->look_whether_it_died()) break;
    say(*answer);
  }
  if (const auto died = (*thread)->look_whether_it_died()) say(text_of_death(*died));
  return 0;
}

}  // namespace
}  // namespace quoin::attack

int main(int count, char** words) {
  return quoin::attack::run(count, words);
}
