// The gate's local socket: who may connect is said by its mode and group and by the folder around it, who does connect
// by the system (io/line_connection.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "io/folder.h"
#include "io/line_connection.h"
#include "io/timer.h"

namespace quoin::io {

struct ListenerOptions {
  std::string name;  // in the folder
  std::uint32_t mode = 0660;
  std::optional<std::string> group;  // nothing is changed if there is no such group
};

// Stands in its folder for as long as this exists.
class ListeningSocket {
 public:
  // A socket that nobody listens on any more is replaced; one with a live listener is FileError::taken.
  static Result<ListeningSocket, FileFailure> open(Folder folder, const ListenerOptions& options);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int number() const { return socket_.number(); }                // non-blocking
  Descriptor take() { return std::move(socket_); }               // for whoever waits for it
  std::optional<std::uint32_t> group() const { return group_; }  // the number of the named one, which the socket has

 private:
  ListeningSocket(Descriptor socket, Folder folder, std::string name, std::optional<std::uint32_t> group)
      : socket_(std::move(socket)), folder_(std::move(folder)), name_(std::move(name)), group_(group) {}
  Descriptor socket_;
  std::optional<Folder> folder_;  // none once moved from
  std::string name_;
  std::optional<std::uint32_t> group_;
};

class UnixListener {
 public:
  using Accepted = std::move_only_function<void(std::unique_ptr<LineConnection>)>;

  // Whoever gets the connections limits their number.
  UnixListener(Loop& loop, ListeningSocket listening, Closer& closer, Accepted accepted);
  ~UnixListener();

  std::optional<std::uint32_t> group() const { return listening_.group(); }
  void accept_waiting();  // all that have connected by now, before anything else is done

 private:
  void wait();
  void accept();
  bool accept_one();

  Loop& loop_;
  Closer& closer_;
  ListeningSocket listening_;
  Readiness socket_;
  std::shared_ptr<Accepted> accepted_;
  Timer again_;  // after a refusal that would repeat at once, such as no descriptor left
};

}  // namespace quoin::io
