// One accepted connection of the local socket, in lines, with what the system says about who is at the other end
// (unix(7): SO_PEERCRED, SO_PEERGROUPS).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/closer.h"
#include "io/readiness.h"

namespace quoin::io {

struct PeerCredentials {
  std::uint32_t user = 0;
  std::int32_t process = 0;
  std::vector<std::uint32_t> groups;  // its own and the supplementary ones, as they were when it connected

  bool in_group(std::uint32_t group) const;
};

// Destroying it closes the connection; a handler may do so. One that brings descriptors is closed unread.
class LineConnection {
 public:
  static constexpr std::size_t line_bytes_max = 8 * 1024;           // of what we read
  static constexpr std::size_t unsent_bytes_max = 4 * 1024 * 1024;  // of what the other side has not taken

  struct Handlers {
    std::move_only_function<void(std::string_view)> line;  // without its newline
    Callback closed;  // it went, sent a line too long or a descriptor, or takes nothing; nothing is called after it
  };
  LineConnection(Loop& loop, Descriptor connected, PeerCredentials peer, Closer& closer);
  ~LineConnection();

  void start(Handlers handlers);
  const PeerCredentials& peer() const { return peer_; }
  void send_line(std::string_view text);  // one newline is added
  void finish();                          // what is unsent goes out, then the connection closes and `closed` is called

 private:
  void receive();
  bool hand_on();
  void drain();
  void let_go();
  void close();
  void close_soon();

  Loop& loop_;
  Closer& closer_;
  std::unique_ptr<Readiness> socket_;  // none once closed
  PeerCredentials peer_;
  std::shared_ptr<Handlers> handlers_ = std::make_shared<Handlers>();
  std::string received_;
  std::string unsent_;
  bool finishing_ = false;
};

}  // namespace quoin::io
