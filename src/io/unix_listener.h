// The gate's local socket: lines from people on this machine whose system account is known (unix(7): SO_PEERCRED,
// SO_PEERGROUPS).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "io/files.h"
#include "io/readiness.h"

namespace quoin::io {

struct PeerCredentials {
  std::uint32_t user = 0;
  std::int32_t process = 0;
  std::vector<std::uint32_t> groups;  // its own and the supplementary ones, as they were when it connected

  bool in_group(std::uint32_t group) const;
};

std::optional<std::uint32_t> group_number(const std::string& name);
std::optional<std::string> user_name(std::uint32_t user);  // for the record of who opened

// One accepted connection that speaks in lines. Destroying it closes it.
class LineConnection {
 public:
  static constexpr std::size_t line_bytes_max = 8 * 1024;           // of what we read
  static constexpr std::size_t unsent_bytes_max = 4 * 1024 * 1024;  // of what the other side has not taken

  struct Handlers {
    std::move_only_function<void(std::string_view)> line;  // without its newline
    Callback closed;  // it went, sent a line too long, or takes nothing; nothing is called after it
  };
  LineConnection(Loop& loop, Descriptor connected, PeerCredentials peer);

  void start(Handlers handlers);
  const PeerCredentials& peer() const { return peer_; }
  void send_line(std::string_view text);  // one newline is added
  void finish();                          // what is unsent goes out, then the connection closes and `closed` is called

 private:
  void receive();
  void hand_on();
  void drain();
  void close();

  Loop& loop_;
  Readiness socket_;
  PeerCredentials peer_;
  std::shared_ptr<Handlers> handlers_;
  std::string received_;
  std::string unsent_;
  bool finishing_ = false;
  bool closed_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class UnixListener {
 public:
  static constexpr std::size_t backlog = 16;
  using Accepted = std::move_only_function<void(std::unique_ptr<LineConnection>)>;

  struct Options {
    std::string path;
    std::uint32_t mode = 0660;
    std::optional<std::string> group;  // nothing is changed if there is no such group
  };
  // A socket that nobody listens on any more is replaced; one with a live listener is FileError::taken.
  static Result<std::unique_ptr<UnixListener>, FileFailure> open(Loop& loop, Options options, Accepted accepted);
  ~UnixListener();  // removes the socket

 private:
  UnixListener(Loop& loop, Descriptor socket, std::string path, Accepted accepted);
  void wait();

  Loop& loop_;
  Readiness socket_;
  std::string path_;
  std::shared_ptr<Accepted> accepted_;
};

}  // namespace quoin::io
