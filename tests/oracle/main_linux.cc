// quoin-oracle: one stack behind a TUN device of the network namespace that it is started in, with a link between the
// kernel and the stack, under the command of its standard input (host.h).
//
//   quoin-oracle DEVICE [seed=N] [mtu=N] [memory=BYTES] [trace=PREFIX]
//
// Everything that decides is in host.cc and link.cc; here are the device, the clock and the wait. No shortcut is taken:
// what the kernel sends is what the stack gets, a packet at a time, and the other way round.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

namespace quoin::oracle {
namespace {

constexpr std::size_t packet_bytes_max = 65'536;
constexpr int reads_max = 256;  // of the device, before the link is looked at again

Instant now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return Instant{seconds(at.tv_sec) + nanoseconds(at.tv_nsec)};
}

int open_tun(const char* name) {
  const int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (device < 0) return -1;
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(device, TUNSETIFF, &request) < 0) return -1;
  return device;
}

std::optional<HostConfig> read_config(int count, char** words) {
  HostConfig config;
  for (int i = 2; i < count; i++) {
    const std::string word = words[i];
    const std::size_t equals = std::min(word.find('='), word.size() - 1);
    const std::string key = word.substr(0, equals);
    const std::string text = word.substr(equals + 1);
    const std::uint64_t value = number(text).value_or(0);
    if (key == "trace") {
      config.trace = text;
    } else if (key == "seed") {
      config.seed = value;
    } else if (key == "mtu" && value >= 1'280 && value <= 65'000) {
      config.stack.mtu = value;
    } else if (key == "memory" && value > 0) {
      config.stack.memory_bytes_max = value;
    } else {
      std::fprintf(stderr, "quoin-oracle: %s: not understood\n", words[i]);
      return std::nullopt;
    }
  }
  return config;
}

class Edge {
 public:
  Edge(int device, Host& host) : device_(device), host_(host) {}

  void run() {
    while (!host_.quitting()) {
      read_device();
      host_.advance(now());
      write_device();
      speak();
      wait();
    }
    speak();
  }

 private:
  void read_device() {
    for (int i = 0; i < reads_max; i++) {
      const ssize_t length = read(device_, packet_.data(), packet_.size());
      if (length <= 0) return;
      host_.from_kernel(Bytes(packet_).first(static_cast<std::size_t>(length)), now());
    }
  }

  // A device that takes nothing (its queue is full, or it is down) loses the packet, as any device does.
  void write_device() {
    while (const auto packet = host_.to_kernel(now())) {
      [[maybe_unused]] const ssize_t written = write(device_, packet->data(), packet->size());
    }
  }

  void speak() {
    const std::string lines = host_.take_lines();
    if (lines.empty()) return;
    std::fwrite(lines.data(), 1, lines.size(), stdout);
    std::fflush(stdout);
  }

  void wait() {
    pollfd both[] = {{.fd = device_, .events = POLLIN, .revents = 0},
                     {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
    timespec timeout{};
    const auto next = host_.poll_timeout();
    if (next) {
      const Duration rest = std::max(*next - now(), Duration(0));
      timeout = {.tv_sec = rest / seconds(1), .tv_nsec = (rest % seconds(1)).count()};
    }
    if (ppoll(both, 2, next ? &timeout : nullptr, nullptr) < 0 && errno != EINTR) std::abort();
    if (both[1].revents != 0) read_commands();
  }

  void read_commands() {
    std::array<char, 4'096> text;
    const ssize_t length = read(STDIN_FILENO, text.data(), text.size());
    if (length <= 0) return host_.handle_command("quit", now());
    commands_.append(text.data(), static_cast<std::size_t>(length));
    for (std::size_t end; (end = commands_.find('\n')) != std::string::npos; commands_.erase(0, end + 1)) {
      host_.handle_command(commands_.substr(0, end), now());
    }
  }

  int device_;
  Host& host_;
  std::array<std::byte, packet_bytes_max> packet_;
  std::string commands_;
};

int run(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "usage: quoin-oracle DEVICE [seed=N] [mtu=N] [memory=BYTES] [trace=PREFIX]\n");
    return 2;
  }
  const auto config = read_config(count, words);
  if (!config) return 2;
  const int device = open_tun(words[1]);
  if (device < 0) {
    std::fprintf(stderr, "quoin-oracle: no TUN device %s: %s\n", words[1], std::strerror(errno));
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);  // a driver that is gone ends the input; the trace is still to be written
  Host host(*config, now());
  std::puts("ready");
  std::fflush(stdout);
  Edge(device, host).run();
  return 0;
}

}  // namespace
}  // namespace quoin::oracle

int main(int count, char** words) {
  return quoin::oracle::run(count, words);
}
