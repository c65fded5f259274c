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

class UnixListener {
 public:
  static constexpr int backlog = 16;
  using Accepted = std::move_only_function<void(std::unique_ptr<LineConnection>)>;

  struct Options {
    std::string name;  // in the folder
    std::uint32_t mode = 0660;
    std::optional<std::string> group;  // nothing is changed if there is no such group
  };
  // A socket that nobody listens on any more is replaced; one with a live listener is FileError::taken. Whoever gets
  // the connections limits their number.
  static Result<std::unique_ptr<UnixListener>, FileFailure> open(Loop& loop, Folder folder, const Options& options,
                                                                 Closer& closer, Accepted accepted);
  ~UnixListener();  // removes the socket

  std::optional<std::uint32_t> group() const { return group_; }  // the number of the named one, which the socket has

 private:
  UnixListener(Loop& loop, Descriptor socket, Folder folder, std::string name, std::optional<std::uint32_t> group,
               Closer& closer, Accepted accepted);
  void wait();
  void accept();

  Loop& loop_;
  Closer& closer_;
  Readiness socket_;
  Folder folder_;
  std::string name_;
  std::optional<std::uint32_t> group_;
  std::shared_ptr<Accepted> accepted_;
  Timer again_;  // after a refusal that would repeat at once, such as no descriptor left
};

}  // namespace quoin::io
