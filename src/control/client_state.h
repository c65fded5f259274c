// What a Client holds, and its parts: connection (client.cc), registration (client_registration.cc), map stream and
// lite updates (client_map.cc). Included by these only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "control/backoff.h"
#include "control/channel.h"
#include "control/client.h"
#include "control/ignored_features.h"
#include "control/map_frames.h"

namespace quoin::control {

// Deadlines that do not belong to one request.
enum class Timer : std::uint8_t {
  reconnect,       // when to want a connection again
  handshake,       // when to give up an unanswered handshake
  register_retry,  // before it, no new registration
  stream_retry,    // before it, no new map stream
  lite_retry,      // before it, no new lite update
  refresh,         // when to send an unchanged lite update
  check,           // when the answer to a ping is overdue
  logout,          // when to stop waiting for the answer to a logout
};
constexpr std::size_t timer_count = 8;

class Timers {
 public:
  void set(Timer timer, Instant at) { at_[index(timer)] = at; }
  void clear(Timer timer) { at_[index(timer)].reset(); }
  bool running(Timer timer) const { return at_[index(timer)].has_value(); }
  bool take_expired(Timer timer, Instant now);  // true once
  std::optional<Instant> next() const;

 private:
  static std::size_t index(Timer timer) { return static_cast<std::size_t>(timer); }
  std::array<std::optional<Instant>, timer_count> at_{};
};

// What the server is told of us in map requests.
struct Published {
  RegionId home_region = 0;
  NetInfo net_info;
  std::vector<PublishedEndpoint> endpoints;
  bool operator==(const Published&) const = default;
};

enum class Link {
  idle,         // none, and none wanted: waiting to reconnect, refused, or logged out
  wanted,       // the owner was asked
  upgrading,    // the owner sends the HTTP upgrade
  handshaking,  // Noise
  open,         // HTTP/2
};

enum class Registration {
  needed,
  key_awaited,
  requested,
  refused,  // until the owner gives another key
  done,
  logging_out,
  logged_out,  // the end
};

enum class Purpose { registration, logout, map_stream, lite_update };

struct Request {
  Request(Purpose why, Instant until) : purpose(why), deadline(until) {}
  Purpose purpose;
  Instant deadline;
  int status = 0;
  std::string retry_after;
  Buffer body;  // of answers that are read whole, and of errors
};

struct MapStream {
  StreamId stream;
  MapFrameReader frames{Compression::zstd};
  bool opened = false;  // its first message has come
};

struct Client::State {
  State(ClientConfig config, Random& random, ClientTimes times);

  // connection
  void want_connection();
  std::optional<Buffer> connection_opened(const crypto::MachinePublicKey& server_key, Instant now);
  void handle_bytes(Bytes wire, Instant now);
  void connection_closed(Instant now);
  void drop_connection(Instant now);  // ends every request and comes back after a while
  void channel_failed(ChannelError error, Instant now);
  void handle_http_events(Instant now);
  void advance(Instant now);  // starts what is due
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;

  // requests
  std::optional<StreamId> submit(Purpose purpose, std::string_view path, std::string& json_to_wipe, Instant deadline);
  void response_data(StreamId stream, Request& request, Bytes bytes, Instant now);
  void request_ended(StreamId stream, Ending how, Instant now);
  void cancel(StreamId stream);
  void expire_requests(Instant now);
  Instant retry_at(const Request& request, Backoff& backoff, Instant now);

  // registration
  Hostinfo hostinfo() const;
  void provide_join_key(std::string_view join_key, Instant now);
  void registration_ended(const Request& request, Ending how, Instant now);
  void registration_failed(const Request& request, std::string text, Instant now);
  void join_key_refused(std::string text);
  void forgotten(Instant now);
  void log_out(Instant now);
  void send_logout(Instant now);
  void logout_ended(const Request& request, Ending how);
  void logged_out(bool told);

  // map
  MapRequest map_request() const;
  void start_stream(Instant now);
  void stream_data(Bytes bytes, Instant now);
  void stream_message(Bytes json, Instant now);
  void stream_failed(std::string text, Instant now);
  void stream_failed_until(Instant retry, std::string text, bool is_unusable = false);
  void stream_unusable(std::string text, Instant now);
  void stream_ended(const Request& request, Ending how, Instant now);
  void send_lite_update(Instant now);
  void lite_update_ended(const Request& request, Ending how, Instant now);
  bool lite_update_due() const;
  void unknown_to_server(Instant now);

  ClientConfig config;
  Random& random;
  ClientTimes times;
  std::string backend_log_id;
  std::deque<ClientEvent> events;
  Timers timers;

  Link link = Link::idle;
  std::optional<Channel> channel;
  Backoff connection_backoff;
  std::map<StreamId, Request> requests;

  Registration registration = Registration::needed;
  bool server_may_know_us = false;
  bool log_out_after_registration = false;
  Backoff registration_backoff;

  std::optional<MapStream> stream;
  Backoff stream_backoff;
  int silent_streams = 0;  // in a row, that ended without a message
  Netmap netmap;
  IgnoredFeatures ignored;

  Published published;
  std::optional<Published> told;     // by the last request that carried it
  std::optional<Published> telling;  // by the lite update that is on its way
  RegionId home_region_told = 0;     // by the last lite update that the server took
  bool told_twice = false;           // in this stream: see lite_update_due
  bool refresh_due = false;
  Backoff lite_backoff;
  int unknown_answers = 0;  // in a row
};

// Printable ASCII, cut to Client::text_bytes_max: what a server said, for people.
std::string shown(std::string_view text);
void wipe_text(std::string& text);

}  // namespace quoin::control
