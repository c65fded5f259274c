#include <algorithm>
#include <charconv>
#include <deque>
#include <set>

#include "control/http2.h"
#include "control/http2_session.h"

namespace quoin::control {
namespace {

int parse_status(std::string_view text) {
  int status = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  return error == std::errc{} && end == text.data() + text.size() ? status : 0;
}

}  // namespace

class Http2Client::State final : public Http2Session {
 public:
  explicit State(std::string authority)
      : Http2Session(Side::client, {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window_bytes},
                                    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_bytes_max}}),
        authority_(std::move(authority)) {}

  std::optional<StreamId> submit(std::string_view method, std::string_view path, Bytes json_body) {
    if (!alive() || open_.size() >= client_streams_max || nghttp2_session_check_request_allowed(raw()) == 0) {
      return std::nullopt;
    }
    const std::array headers{header_pair(":method", method), header_pair(":scheme", "https"),
                             header_pair(":authority", authority_), header_pair(":path", path),
                             header_pair("content-type", "application/json")};
    const auto provider = body(0, json_body, true);
    const StreamId stream = nghttp2_submit_request(raw(), nullptr, headers.data(), headers.size(), &provider, nullptr);
    if (stream < 0) {
      forget_body(0);
      return std::nullopt;
    }
    name_body(stream);
    open_.insert(stream);
    return stream;
  }

  void cancel(StreamId stream) {
    if (open_.erase(stream) == 0) return;
    beginnings_.erase(stream);
    complete_.erase(stream);
    std::erase_if(events, [&](const Http2ClientEvent& event) {
      return std::visit(
          [&](const auto& each) {
            if constexpr (requires { each.stream; }) return each.stream == stream;
            return false;
          },
          event);
    });
    nghttp2_submit_rst_stream(raw(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  }

  void end_all() {
    die();
    for (const StreamId stream : open_) events.push_back(ResponseEnded{stream, Ending::connection_lost});
    open_.clear();
  }

  void end_all_if_dead() {
    if (!alive()) end_all();
  }

  std::deque<Http2ClientEvent> events;

 private:
  void header(StreamId stream, std::string_view name, std::string_view value) override {
    if (name == ":status") beginnings_[stream] = ResponseBegun{stream, parse_status(value), {}};
    if (name == "retry-after" && beginnings_.contains(stream)) beginnings_[stream].retry_after = value;
  }
  void headers_end(StreamId stream) override {
    const auto begun = beginnings_.find(stream);
    if (begun == beginnings_.end()) return;  // trailers
    const bool final = begun->second.status >= 200;
    if (open_.contains(stream) && final) events.push_back(std::move(begun->second));
    beginnings_.erase(begun);
  }
  void data(StreamId stream, Bytes bytes) override {
    if (open_.contains(stream)) events.push_back(ResponseData{stream, to_buffer(bytes)});
  }
  void message_end(StreamId stream) override { complete_.insert(stream); }
  void closed(StreamId stream, std::uint32_t error_code) override {
    beginnings_.erase(stream);
    const bool whole = complete_.erase(stream) != 0 && error_code == NGHTTP2_NO_ERROR;
    if (open_.erase(stream) == 0) return;
    events.push_back(ResponseEnded{stream, whole ? Ending::complete : Ending::reset});
  }
  void pong() override { events.push_back(Pong{}); }

  std::string authority_;
  std::set<StreamId> open_;                       // submitted, not ended, not cancelled
  std::map<StreamId, ResponseBegun> beginnings_;  // whose headers are coming in
  std::set<StreamId> complete_;                   // whose END_STREAM has come
};

Http2Client::Http2Client(std::string authority) : state_(std::make_unique<State>(std::move(authority))) {}
Http2Client::Http2Client(Http2Client&&) noexcept = default;
Http2Client& Http2Client::operator=(Http2Client&&) noexcept = default;
Http2Client::~Http2Client() = default;

std::optional<StreamId> Http2Client::submit(std::string_view method, std::string_view path, Bytes json_body) {
  return state_->submit(method, path, json_body);
}
void Http2Client::cancel(StreamId stream) {
  state_->cancel(stream);
}
void Http2Client::ping() {
  nghttp2_submit_ping(state_->raw(), NGHTTP2_FLAG_NONE, nullptr);
}
void Http2Client::connection_lost() {
  state_->end_all();
}
void Http2Client::handle_bytes(Bytes wire) {
  state_->receive(wire);
  state_->end_all_if_dead();
}
void Http2Client::transmit(Buffer& out, std::size_t bytes_max) {
  state_->transmit(out, bytes_max);
  state_->end_all_if_dead();
}
std::optional<Http2ClientEvent> Http2Client::poll_event() {
  if (state_->events.empty()) return std::nullopt;
  Http2ClientEvent event = std::move(state_->events.front());
  state_->events.pop_front();
  return event;
}
bool Http2Client::alive() const {
  return state_->alive();
}
bool Http2Client::takes_requests() const {
  return state_->alive() && nghttp2_session_check_request_allowed(state_->raw()) != 0;
}

}  // namespace quoin::control
