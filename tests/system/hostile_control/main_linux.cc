// quoin-hostile-control: a control server that lets a node in and then sends it whatever it is told to
// (tests/system/told_control.py drives it).
//
//   quoin-hostile-control PORT RELAY-HOST RELAY-IPV4
//
// Plain HTTP, any join key, one relay at first. Prints its key first. A line of its standard input is what it sends to
// every map stream that is open: "send" and a map message in JSON, once; or a name of too_much.h, from then on again
// and again, until another or "nothing". For each message it prints that word and a new line.
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "control/control_in_a_box.h"
#include "control/key_page.h"
#include "too_much.h"

namespace quoin::hostile {
namespace {

constexpr int pause_ms = 100;  // between two messages on one stream
constexpr std::size_t request_bytes_max = 16 * 1024;
constexpr std::string_view send_order = "send ";
constexpr std::string_view handshake_field = "X-Tailscale-Handshake: ";

control::DerpMap relays(const char* host, const char* ipv4) {
  control::DerpNode node;
  node.name = "900a";
  node.region_id = 900;
  node.host_name = host;
  node.ipv4 = ipv4;
  control::DerpRegion region;
  region.region_id = 900;
  region.region_code = "lab";
  region.nodes.push_back(node);
  control::DerpMap map;
  map.regions.emplace()[900] = region;
  return map;
}

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int listen_at(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || listen(listener, 16) != 0) return -1;
  return listener;
}

class Server {
 public:
  Server(const char* relay_host, const char* relay_ipv4)
      : box_(crypto::MachinePrivateKey::generate(random_), random_), too_much_(random_) {
    box_.relays = relays(relay_host, relay_ipv4);
    box_.join_keys["any"] = {.login = "", .tags = {"tag:device"}};
  }

  std::string key() const { return box_.public_key().text(); }

  void serve(int listener) {
    for (;;) {
      std::vector<pollfd> waits{{.fd = listener, .events = POLLIN, .revents = 0},
                                {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
      for (const auto& [socket, connection] : connections_) {
        const bool writes = !connection.to_send.empty();
        waits.push_back({.fd = socket, .events = static_cast<short>(POLLIN | (writes ? POLLOUT : 0)), .revents = 0});
      }
      const int ready = poll(waits.data(), waits.size(), pause_ms);
      if (waits[1].revents != 0 && !read_orders()) return;
      if (waits[0].revents != 0) accept_one(listener);
      for (std::size_t i = 2; i < waits.size(); i++) {
        if (waits[i].revents != 0) read_from(waits[i].fd);
      }
      if (ready == 0) send_too_much();
      pump();
    }
  }

 private:
  struct Connection {
    std::string request;  // until the upgrade
    std::optional<control::ControlInABox::ConnectionId> upgraded;
    Buffer to_send;
  };

  bool read_orders() {
    std::array<char, 64 * 1024> space{};
    const auto count = read(STDIN_FILENO, space.data(), space.size());
    if (count <= 0) return false;
    orders_.append(space.data(), static_cast<std::size_t>(count));
    for (std::size_t end; (end = orders_.find('\n')) != std::string::npos; orders_.erase(0, end + 1)) {
      const std::string line = orders_.substr(0, end);
      if (line.starts_with(send_order)) {
        send_once(std::string_view(line).substr(send_order.size()));
      } else {
        again_and_again_ = line;
      }
    }
    return true;
  }

  void send_once(std::string_view json) {
    for (const auto& request : box_.streams) {
      if (!box_.streams_to(request.node_key)) continue;
      box_.send_text(request.node_key, json);
      say("send");
    }
  }

  void accept_one(int listener) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0) connections_.emplace(socket, Connection{});
  }

  void read_from(int socket) {
    const auto found = connections_.find(socket);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    std::array<std::byte, 64 * 1024> space{};
    const auto count = recv(socket, space.data(), space.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return forget(socket);
    const Bytes bytes = Bytes(space).first(static_cast<std::size_t>(count));
    if (connection.upgraded) return box_.handle_bytes(*connection.upgraded, bytes);
    connection.request += text_of(bytes);
    const auto end = connection.request.find("\r\n\r\n");
    if (end == std::string::npos && connection.request.size() < request_bytes_max) return;
    if (end == std::string::npos || !answer(connection, end + 4)) forget(socket);
  }

  bool answer(Connection& connection, std::size_t header_bytes) {
    if (connection.request.starts_with("GET /key")) {
      const std::string page = control::key_page(box_.public_key());
      append(connection.to_send,
             bytes_of("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(page.size()) + "\r\n\r\n" + page));
      connection.request.clear();
      return true;
    }
    const auto field = connection.request.find(handshake_field);
    if (field == std::string::npos) return false;
    const auto value = field + handshake_field.size();
    const auto initiation =
        from_base64(std::string_view(connection.request).substr(value, connection.request.find("\r\n", value) - value));
    if (!initiation) return false;
    connection.upgraded = box_.connect(*initiation);
    if (!connection.upgraded) return false;
    append(connection.to_send, bytes_of("HTTP/1.1 101 Switching Protocols\r\nUpgrade: tailscale-control-protocol\r\n"
                                        "Connection: Upgrade\r\n\r\n"));
    if (connection.request.size() > header_bytes) {
      box_.handle_bytes(*connection.upgraded, bytes_of(connection.request).subspan(header_bytes));
    }
    return true;
  }

  void send_too_much() {
    for (const auto& request : box_.streams) {
      const Buffer frame = box_.streams_to(request.node_key) ? too_much_.frame(again_and_again_) : Buffer();
      if (frame.empty()) continue;
      box_.send_frame(request.node_key, frame);
      say(again_and_again_);
    }
    // Each request is remembered; the newest of a node is enough.
    if (box_.streams.size() > 1) box_.streams.erase(box_.streams.begin(), box_.streams.end() - 1);
  }

  void pump() {
    std::vector<int> gone;
    for (auto& [socket, connection] : connections_) {
      if (connection.upgraded && connection.to_send.empty()) {
        connection.to_send = box_.poll_transmit(*connection.upgraded);
      }
      while (!connection.to_send.empty()) {
        const auto count =
            send(socket, connection.to_send.data(), connection.to_send.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count <= 0) {
          if (count < 0 && errno != EAGAIN) gone.push_back(socket);
          break;
        }
        connection.to_send.erase(connection.to_send.begin(), connection.to_send.begin() + count);
        if (connection.upgraded && connection.to_send.empty()) {
          connection.to_send = box_.poll_transmit(*connection.upgraded);
        }
      }
      if (connection.upgraded && !box_.connected(*connection.upgraded)) gone.push_back(socket);
    }
    for (const int socket : gone) forget(socket);
  }

  void forget(int socket) {
    const auto found = connections_.find(socket);
    if (found == connections_.end()) return;
    if (found->second.upgraded) box_.disconnect(*found->second.upgraded);
    connections_.erase(found);
    close(socket);
  }

  SeededRandom random_{4711};
  control::ControlInABox box_;
  TooMuch too_much_;
  std::string orders_;  // not yet whole
  std::string again_and_again_ = "nothing";
  std::map<int, Connection> connections_;
};

int run(int count, char** words) {
  std::uint16_t port = 0;
  if (count != 4 || std::from_chars(words[1], words[1] + std::strlen(words[1]), port).ec != std::errc{}) {
    std::fputs("usage: quoin-hostile-control PORT RELAY-HOST RELAY-IPV4\n", stderr);
    return 2;
  }
  const int listener = listen_at(port);
  if (listener < 0) {
    std::perror("quoin-hostile-control");
    return 1;
  }
  Server server(words[2], words[3]);
  say(server.key());
  server.serve(listener);
  return 0;
}

}  // namespace
}  // namespace quoin::hostile

int main(int count, char** words) {
  return quoin::hostile::run(count, words);
}
