// What client and server share of HTTP/2 (RFC 9113) over nghttp2's memory interface: bytes in, bytes out, and what
// happened as calls to the subclass. Included by the two of them only; their headers know nothing of nghttp2.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/bytes.h"
#include "control/http2.h"

namespace quoin::control {

nghttp2_nv header_pair(std::string_view name, std::string_view value);  // borrows both

class Http2Session {
 public:
  enum class Side { client, server };

  Http2Session(Side side, const std::vector<nghttp2_settings_entry>& settings);
  virtual ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  void receive(Bytes wire);
  void transmit(Buffer& out, std::size_t bytes_max);  // appends until out has bytes_max or a frame more
  bool alive() const;
  void die() { broken_ = true; }

  nghttp2_session* raw() { return session_.get(); }

  // Bodies we send. A body that is not finished waits for more.
  nghttp2_data_provider body(StreamId stream, Bytes bytes, bool finished);
  void extend_body(StreamId stream, Bytes bytes, bool finished);
  std::size_t body_bytes_waiting(StreamId stream) const;
  void forget_body(StreamId stream);
  void name_body(StreamId stream);  // of the one that was made for stream 0, when its number is known

 protected:
  virtual void header(StreamId stream, std::string_view name, std::string_view value) = 0;
  virtual void headers_end(StreamId stream) = 0;
  virtual void data(StreamId stream, Bytes bytes) = 0;
  virtual void message_end(StreamId stream) = 0;
  virtual void closed(StreamId stream, std::uint32_t error_code) = 0;
  virtual void pong() {}

 private:
  struct Body {
    Buffer bytes;
    std::size_t sent = 0;
    bool finished = false;
  };
  struct Callbacks;
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::map<StreamId, Body> bodies_;
  std::map<StreamId, std::size_t> header_bytes_;  // decoded so far, of streams whose headers are coming in
  bool broken_ = false;
};

}  // namespace quoin::control
