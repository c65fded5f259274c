// The words of HTTP's CONNECT: what a client asks of a proxy, and how the proxy's answer is read (RFC 9110, section
// 9.3.6; RFC 9112, sections 2 to 5). Bytes in, values out: it owns no connection.
//
// Behind the blank line of a good answer the connection belongs to the two ends, and whoever is asked for may have
// spoken already. So the parser says how many bytes are the answer's, and takes none behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace quoin::http {

// "CONNECT relay.example.com:443 HTTP/1.1 ...". `target` is HOST:PORT, an IPv6 address in brackets; `authorization` is
// the value of Proxy-Authorization, or empty. Neither may have a character that would break a line.
std::string http_connect_request(std::string_view target, std::string_view authorization);

enum class HttpConnectError : std::uint8_t {
  not_http,   // no status line of HTTP/1, a header line without a name, or a 101
  too_large,  // over HttpConnectAnswer::bytes_max
};

// Lines may end with a bare LF, as RFC 9112, section 2.2, lets a recipient take them. Interim answers (1xx) are passed
// over. Nothing of the text is kept but the status, and whether a 407 offers the Basic scheme.
class HttpConnectAnswer {
 public:
  static constexpr std::size_t bytes_max = 8 * 1024;  // interim answers included

  // How many of these bytes are the answer's: all, unless it has become complete. To be fed until then or an error.
  Result<std::size_t, HttpConnectError> feed(Bytes bytes);

  bool complete() const { return complete_; }
  int status() const { return status_; }  // of a complete answer: 200 to 599
  bool connected() const { return complete_ && status_ / 100 == 2; }
  bool offers_basic() const { return offers_basic_; }

 private:
  Result<void, HttpConnectError> end_line();

  std::string line_;
  std::size_t bytes_ = 0;
  int status_ = 0;  // 0 until a status line has come
  bool offers_basic_ = false;
  bool complete_ = false;
};

}  // namespace quoin::http
