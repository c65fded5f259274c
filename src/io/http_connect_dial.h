// Connecting through an HTTP proxy: a TCP connection to the proxy, CONNECT, and the socket is as if it had been
// connected to the other end. Of what comes behind the answer's blank line not one byte is read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/http_connect.h"
#include "io/dial.h"

namespace quoin::io {

struct HttpConnectFailure {
  enum class What : std::uint8_t {
    not_reached,  // the proxy; `dial` says why
    closed,       // it ended the connection without an answer
    timed_out,    // it did not answer
    not_http,     // it answered with something else
    refused,      // it answered with `status`
  };
  What what;
  DialError dial = DialError::failed;
  int status = 0;
  bool offers_basic = false;
};

// Destroying it gives up silently; `done` may destroy it.
class HttpConnectDial {
 public:
  using Done = std::move_only_function<void(Result<Dialled, HttpConnectFailure>)>;

  // The proxy's endpoints are raced. `request` is wiped once written.
  HttpConnectDial(Loop& loop, std::vector<Endpoint> proxy, std::string request, Duration within, Done done);
  ~HttpConnectDial();

 private:
  void reached(Dialled proxy);
  void write_request();
  void read_answer();
  void finish(Result<Dialled, HttpConnectFailure> result);

  Loop& loop_;
  std::string request_;
  std::size_t written_ = 0;
  Done done_;
  Timer timer_;
  std::unique_ptr<Dial> dial_;
  std::optional<Endpoint> proxy_;
  std::unique_ptr<Readiness> socket_;
  http::HttpConnectAnswer answer_;
};

}  // namespace quoin::io
