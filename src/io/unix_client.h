// The other end of io/unix_listener.h, for commands: it blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "io/descriptor.h"

namespace quoin::io {

enum class ClientError : std::uint8_t {
  not_running,    // no socket there, or nobody listens on it
  not_permitted,  // the socket is for others
  closed,         // the daemon ended the connection
  timed_out,
  failed,
};

class UnixClient {
 public:
  static constexpr std::size_t line_bytes_max = 4 * 1024 * 1024;
  static Result<UnixClient, ClientError> connect(const std::string& path);
  Result<void, ClientError> send_line(std::string_view text);
  Result<std::string, ClientError> receive_line(Duration within);

 private:
  explicit UnixClient(Descriptor socket) : socket_(std::move(socket)) {}
  Descriptor socket_;
  std::string received_;
};

}  // namespace quoin::io
