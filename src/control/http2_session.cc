#include "control/http2_session.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/secret.h"
#include "control/wiping_memory.h"

namespace quoin::control {
namespace {

Bytes as_bytes(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}
std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

nghttp2_nv header_pair(std::string_view name, std::string_view value) {
  const auto pointer = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));  // nghttp2 copies it
  };
  return {pointer(name), pointer(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// nghttp2 calls these; `user` is the session that it belongs to.
struct Http2Session::Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    Http2Session& me = self(user);
    const StreamId stream = frame->hd.stream_id;
    std::size_t& bytes = me.header_bytes_[stream];
    bytes += name_size + value_size + 32;  // as RFC 9113, section 6.5.2 counts
    if (bytes > header_bytes_max) return NGHTTP2_ERR_CALLBACK_FAILURE;
    me.header(stream, as_text(name, name_size), as_text(value, value_size));
    return 0;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& me = self(user);
    const auto& head = frame->hd;
    if (head.type == NGHTTP2_HEADERS) {
      me.header_bytes_.erase(head.stream_id);
      me.headers_end(head.stream_id);
    }
    const bool carries_message = head.type == NGHTTP2_HEADERS || head.type == NGHTTP2_DATA;
    if (carries_message && (head.flags & NGHTTP2_FLAG_END_STREAM) != 0) me.message_end(head.stream_id);
    if (head.type == NGHTTP2_PING && (head.flags & NGHTTP2_FLAG_ACK) != 0) me.pong();
    return 0;
  }

  static int data_received(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                           std::size_t size, void* user) {
    self(user).data(stream, as_bytes(data, size));
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t stream, std::uint32_t error_code, void* user) {
    Http2Session& me = self(user);
    me.header_bytes_.erase(stream);
    me.forget_body(stream);
    me.closed(stream, error_code);
    return 0;
  }

  // A request that could not be sent any more (after GOAWAY) never becomes a stream that could close.
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2Session& me = self(user);
    me.forget_body(frame->hd.stream_id);
    me.closed(frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t stream, std::uint8_t* to, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source*, void* user) {
    auto& bodies = self(user).bodies_;
    const auto found = bodies.find(stream);
    if (found == bodies.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Body& body = found->second;
    const std::size_t count = std::min(size, body.bytes.size() - body.sent);
    if (count > 0) std::memcpy(to, body.bytes.data() + body.sent, count);
    wipe(MutableBytes(body.bytes).subspan(body.sent, count));
    body.sent += count;
    if (body.sent == body.bytes.size()) {
      body.bytes.clear();
      body.sent = 0;
      if (body.finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      } else if (count == 0) {
        return NGHTTP2_ERR_DEFERRED;
      }
    }
    return static_cast<ssize_t>(count);
  }
};

Http2Session::Http2Session(Side side, const std::vector<nghttp2_settings_entry>& settings) {
  nghttp2_session_callbacks* raw_callbacks = nullptr;
  int failed = nghttp2_session_callbacks_new(&raw_callbacks);
  assert(failed == 0);
  const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> callbacks(
      raw_callbacks, &nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_header_callback(callbacks.get(), Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks.get(), Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks.get(), Callbacks::data_received);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks.get(), Callbacks::stream_closed);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks.get(), Callbacks::frame_not_sent);

  nghttp2_mem memory = wiping_memory();  // nghttp2 keeps a copy
  nghttp2_session* raw_session = nullptr;
  failed = side == Side::client ? nghttp2_session_client_new3(&raw_session, callbacks.get(), this, nullptr, &memory)
                                : nghttp2_session_server_new3(&raw_session, callbacks.get(), this, nullptr, &memory);
  assert(failed == 0);
  session_.reset(raw_session);
  failed = nghttp2_submit_settings(raw_session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  assert(failed == 0);
  failed = nghttp2_session_set_local_window_size(raw_session, NGHTTP2_FLAG_NONE, 0, connection_window_bytes);
  assert(failed == 0);
}

Http2Session::~Http2Session() {
  for (auto& [stream, body] : bodies_) wipe(body.bytes);
}

void Http2Session::receive(Bytes wire) {
  if (broken_ || wire.empty()) return;
  const auto* data = reinterpret_cast<const std::uint8_t*>(wire.data());
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), data, wire.size());
  if (taken < 0 || static_cast<std::size_t>(taken) != wire.size()) broken_ = true;
}

void Http2Session::transmit(Buffer& out, std::size_t bytes_max) {
  while (!broken_ && out.size() < bytes_max) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
    if (size < 0) broken_ = true;
    if (size <= 0) return;
    append(out, as_bytes(data, static_cast<std::size_t>(size)));
  }
}

bool Http2Session::alive() const {
  return !broken_ &&
         (nghttp2_session_want_read(session_.get()) != 0 || nghttp2_session_want_write(session_.get()) != 0);
}

nghttp2_data_provider Http2Session::body(StreamId stream, Bytes bytes, bool finished) {
  bodies_[stream] = Body{to_buffer(bytes), 0, finished};
  return {.source = {.ptr = nullptr}, .read_callback = Callbacks::read_body};
}

void Http2Session::name_body(StreamId stream) {
  auto unnamed = bodies_.extract(0);
  assert(!unnamed.empty());
  unnamed.key() = stream;
  bodies_.insert(std::move(unnamed));
}

void Http2Session::extend_body(StreamId stream, Bytes bytes, bool finished) {
  const auto found = bodies_.find(stream);
  if (found == bodies_.end()) return;
  Body& body = found->second;
  body.bytes.erase(body.bytes.begin(), body.bytes.begin() + static_cast<std::ptrdiff_t>(body.sent));
  body.sent = 0;
  append(body.bytes, bytes);
  body.finished = body.finished || finished;
  nghttp2_session_resume_data(session_.get(), stream);  // says so if it was not waiting, which is no matter
}

std::size_t Http2Session::body_bytes_waiting(StreamId stream) const {
  const auto found = bodies_.find(stream);
  return found == bodies_.end() ? 0 : found->second.bytes.size() - found->second.sent;
}

void Http2Session::forget_body(StreamId stream) {
  const auto found = bodies_.find(stream);
  if (found == bodies_.end()) return;
  wipe(found->second.bytes);
  bodies_.erase(found);
}

}  // namespace quoin::control
