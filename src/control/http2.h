// HTTP/2 with prior knowledge, both sides, as cores: bytes in, events and bytes out (RFC 9113 over nghttp2).
//
// It runs inside the control channel: no TLS, no upgrade, few streams. Received data is handed over at once and its
// window given back, so the owner bounds what it keeps. Header blocks over header_bytes_max, and whatever breaks the
// protocol, end the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace quoin::control {

using StreamId = std::int32_t;

constexpr std::size_t header_bytes_max = 16 * 1024;             // decoded, names and values of one message
constexpr std::uint32_t stream_window_bytes = 4 * 1024 * 1024;  // a whole map message without waiting
constexpr std::int32_t connection_window_bytes = 16 * 1024 * 1024;
constexpr std::uint32_t server_streams_max = 100;
constexpr std::size_t client_streams_max = 16;
constexpr std::size_t response_bytes_waiting_max = 8 * 1024 * 1024;  // of one stream, not yet sent

enum class Ending {
  complete,         // the response came whole
  reset,            // the server ended the stream otherwise, will not take it, or broke the protocol
  connection_lost,  // the connection died or was given up
};

struct ResponseBegun {
  StreamId stream;
  int status;
  std::string retry_after;  // the header's value; empty without one
};
struct ResponseData {
  StreamId stream;
  Buffer bytes;
};
struct ResponseEnded {  // exactly once for every request that was submitted and not cancelled
  StreamId stream;
  Ending how;
};
struct Pong {};
using Http2ClientEvent = std::variant<ResponseBegun, ResponseData, ResponseEnded, Pong>;

class Http2Client {
 public:
  explicit Http2Client(std::string authority);
  Http2Client(Http2Client&&) noexcept;
  Http2Client& operator=(Http2Client&&) noexcept;
  ~Http2Client();

  // Nothing if the connection is gone, takes no more requests, or client_streams_max are open. The body is wiped once
  // it has been sent.
  std::optional<StreamId> submit(std::string_view method, std::string_view path, Bytes json_body);
  void cancel(StreamId stream);  // no event comes of it any more
  void ping();
  void connection_lost();  // every open request ends

  void handle_bytes(Bytes wire);
  void transmit(Buffer& out, std::size_t bytes_max);  // appends
  std::optional<Http2ClientEvent> poll_event();
  bool alive() const;           // false: close the connection once transmit gives nothing more
  bool takes_requests() const;  // false after the server's GOAWAY

 private:
  class State;
  std::unique_ptr<State> state_;
};

struct RequestReceived {
  StreamId stream;
  std::string method;
  std::string path;
  Buffer body;
};
struct StreamEnded {  // of a request that was received: answered whole, or given up by the client
  StreamId stream;
};
using Http2ServerEvent = std::variant<RequestReceived, StreamEnded>;

struct Http2Header {
  std::string name;
  std::string value;
};

class Http2Server {
 public:
  explicit Http2Server(std::size_t request_body_bytes_max);
  Http2Server(Http2Server&&) noexcept;
  Http2Server& operator=(Http2Server&&) noexcept;
  ~Http2Server();

  void respond(StreamId stream, int status, Bytes body, const std::vector<Http2Header>& headers = {});
  void begin_response(StreamId stream, int status);  // its body follows by send and finish
  // False, and nothing queued, if response_bytes_waiting_max would be passed or the stream is gone.
  bool send(StreamId stream, Bytes bytes);
  void finish(StreamId stream);
  void reset(StreamId stream);
  void go_away();  // no new streams; open ones go on

  void handle_bytes(Bytes wire);
  void transmit(Buffer& out, std::size_t bytes_max);
  std::optional<Http2ServerEvent> poll_event();
  bool alive() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace quoin::control
