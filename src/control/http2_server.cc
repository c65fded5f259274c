#include <deque>
#include <map>

#include "control/http2.h"
#include "control/http2_session.h"

namespace quoin::control {
class Http2Server::State final : public Http2Session {
 public:
  explicit State(std::size_t request_body_bytes_max)
      : Http2Session(Side::server, {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server_streams_max},
                                    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window_bytes},
                                    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_bytes_max}}),
        request_body_bytes_max_(request_body_bytes_max) {}

  void respond(StreamId stream, int status, Bytes bytes, bool finished, const std::vector<Http2Header>& headers) {
    if (!answerable_.contains(stream)) return;
    answerable_[stream] = Answer::begun;
    const std::string status_text = std::to_string(status);
    std::vector<nghttp2_nv> pairs{header_pair(":status", status_text)};
    for (const Http2Header& each : headers) pairs.push_back(header_pair(each.name, each.value));
    const auto provider = body(stream, bytes, finished);
    if (nghttp2_submit_response(raw(), stream, pairs.data(), pairs.size(), &provider) != 0) forget_body(stream);
  }

  bool send(StreamId stream, Bytes bytes) {
    const auto found = answerable_.find(stream);
    if (found == answerable_.end() || found->second != Answer::begun) return false;
    if (body_bytes_waiting(stream) + bytes.size() > response_bytes_waiting_max) return false;
    extend_body(stream, bytes, false);
    return true;
  }

  std::deque<Http2ServerEvent> events;

 private:
  enum class Answer { awaited, begun };

  void header(StreamId stream, std::string_view name, std::string_view value) override {
    RequestReceived& request = coming_.try_emplace(stream, RequestReceived{stream, {}, {}, {}}).first->second;
    if (name == ":method") request.method = value;
    if (name == ":path") request.path = value;
  }
  void headers_end(StreamId) override {}
  void data(StreamId stream, Bytes bytes) override {
    const auto request = coming_.find(stream);
    if (request == coming_.end()) return;
    if (request->second.body.size() + bytes.size() > request_body_bytes_max_) {
      coming_.erase(request);
      nghttp2_submit_rst_stream(raw(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
      return;
    }
    append(request->second.body, bytes);
  }
  void message_end(StreamId stream) override {
    const auto request = coming_.find(stream);
    if (request == coming_.end()) return;
    answerable_[stream] = Answer::awaited;
    events.push_back(std::move(request->second));
    coming_.erase(request);
  }
  void closed(StreamId stream, std::uint32_t) override {
    coming_.erase(stream);
    if (answerable_.erase(stream) != 0) events.push_back(StreamEnded{stream});
  }

  std::size_t request_body_bytes_max_;
  std::map<StreamId, RequestReceived> coming_;
  std::map<StreamId, Answer> answerable_;
};

Http2Server::Http2Server(std::size_t request_body_bytes_max)
    : state_(std::make_unique<State>(request_body_bytes_max)) {}
Http2Server::Http2Server(Http2Server&&) noexcept = default;
Http2Server& Http2Server::operator=(Http2Server&&) noexcept = default;
Http2Server::~Http2Server() = default;

void Http2Server::respond(StreamId stream, int status, Bytes body, const std::vector<Http2Header>& headers) {
  state_->respond(stream, status, body, true, headers);
}
void Http2Server::begin_response(StreamId stream, int status) {
  state_->respond(stream, status, {}, false, {});
}
bool Http2Server::send(StreamId stream, Bytes bytes) {
  return state_->send(stream, bytes);
}
void Http2Server::finish(StreamId stream) {
  state_->extend_body(stream, {}, true);
}
void Http2Server::reset(StreamId stream) {
  nghttp2_submit_rst_stream(state_->raw(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}
void Http2Server::go_away() {
  nghttp2_submit_goaway(state_->raw(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(state_->raw()),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}
void Http2Server::handle_bytes(Bytes wire) {
  state_->receive(wire);
}
void Http2Server::transmit(Buffer& out, std::size_t bytes_max) {
  state_->transmit(out, bytes_max);
}
std::optional<Http2ServerEvent> Http2Server::poll_event() {
  if (state_->events.empty()) return std::nullopt;
  Http2ServerEvent event = std::move(state_->events.front());
  state_->events.pop_front();
  return event;
}
bool Http2Server::alive() const {
  return state_->alive();
}

}  // namespace quoin::control
