// The connection: wanting it, the handshake, requests and their ends, and the clock.
#include "control/client.h"

#include <algorithm>
#include <charconv>

#include "base/secret.h"
#include "control/client_state.h"

namespace quoin::control {

bool Timers::take_expired(Timer timer, Instant now) {
  auto& at = at_[index(timer)];
  if (!at || *at > now) return false;
  at.reset();
  return true;
}

std::optional<Instant> Timers::next() const {
  std::optional<Instant> first;
  for (const auto& at : at_) {
    if (at && (!first || *at < *first)) first = at;
  }
  return first;
}

std::string shown(std::string_view text) {
  std::string out(text.substr(0, Client::text_bytes_max));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

void wipe_text(std::string& text) {
  wipe(std::as_writable_bytes(std::span(text.data(), text.size())));
}

Client::State::State(ClientConfig with, Random& chance, ClientTimes limits)
    : config(std::move(with)), random(chance), times(limits), backend_log_id(to_hex(chance.array<32>())) {}

// ---- connection -------------------------------------------------------------------------------------------------

void Client::State::want_connection() {
  link = Link::wanted;
  timers.clear(Timer::reconnect);
  events.push_back(WantConnection{.fetch_key = !config.server_key});
}

std::optional<Buffer> Client::State::connection_opened(const crypto::MachinePublicKey& server_key, Instant now) {
  if (link != Link::wanted) return std::nullopt;
  if (config.server_key && server_key != *config.server_key) {
    events.push_back(KeyMismatch{});
    drop_connection(now);
    return std::nullopt;
  }
  channel = Channel::create(
      {.machine = config.machine_key, .server = server_key, .version = config.version, .authority = config.authority},
      random);
  if (!channel) {
    events.push_back(NotAControlServer{"its key is no key"});
    drop_connection(now);
    return std::nullopt;
  }
  link = Link::upgrading;
  return to_buffer(channel->initiation());
}

void Client::State::handle_bytes(Bytes wire, Instant now) {
  if (!channel) return;
  const auto received = channel->receive(wire);
  if (link == Link::handshaking && channel->open()) {
    link = Link::open;
    timers.clear(Timer::handshake);
  }
  if (link == Link::open) handle_http_events(now);
  if (!channel) return;
  if (!received) return channel_failed(received.error(), now);
  if (link == Link::open && !channel->http().alive()) return channel_failed(ChannelError::broken, now);
  advance(now);
}

void Client::State::channel_failed(ChannelError error, Instant now) {
  switch (error) {
    case ChannelError::refused: events.push_back(HandshakeRefused{shown(channel->refusal())}); break;
    case ChannelError::wrong_key: events.push_back(HandshakeRefused{"it answered with another key"}); break;
    case ChannelError::not_control:
      events.push_back(NotAControlServer{"its answer is not the control protocol"});
      break;
    case ChannelError::broken: events.push_back(ConnectionLost{}); break;
  }
  drop_connection(now);
}

void Client::State::connection_closed(Instant now) {
  switch (link) {
    case Link::idle:
    case Link::wanted: return;
    case Link::upgrading: break;
    case Link::handshaking:
      // headscale answers 101 first and closes without a word if it does not like the version or cannot read us.
      events.push_back(HandshakeRefused{channel->heard() ? "it closed in the middle of the handshake" : ""});
      break;
    case Link::open: events.push_back(ConnectionLost{}); break;
  }
  drop_connection(now);
}

void Client::State::drop_connection(Instant now) {
  if (channel) {
    channel->http().connection_lost();
    link = Link::idle;  // so that the ends of requests start nothing
    handle_http_events(now);
  }
  channel.reset();
  requests.clear();
  link = Link::idle;
  timers.clear(Timer::handshake);
  timers.clear(Timer::check);
  if (registration == Registration::key_awaited) registration = Registration::needed;
  if (registration == Registration::refused || registration == Registration::logged_out) return;
  if (registration == Registration::logging_out) return logged_out(false);
  timers.set(Timer::reconnect, now + connection_backoff.next(random));
}

void Client::State::handle_http_events(Instant now) {
  while (channel) {
    auto event = channel->http().poll_event();
    if (!event) return;
    if (const auto* begun = std::get_if<ResponseBegun>(&*event)) {
      if (const auto found = requests.find(begun->stream); found != requests.end()) {
        found->second.status = begun->status;
        found->second.retry_after = begun->retry_after;
      }
    } else if (const auto* data = std::get_if<ResponseData>(&*event)) {
      if (const auto found = requests.find(data->stream); found != requests.end()) {
        response_data(data->stream, found->second, data->bytes, now);
      }
    } else if (const auto* ended = std::get_if<ResponseEnded>(&*event)) {
      request_ended(ended->stream, ended->how, now);
    } else {
      timers.clear(Timer::check);
    }
  }
}

void Client::State::advance(Instant now) {
  if (link != Link::open) return;
  if (!channel->http().takes_requests() && requests.empty()) {  // the server says goodbye, and nothing is left to read
    events.push_back(ConnectionLost{});
    return drop_connection(now);
  }
  if (registration == Registration::needed && !timers.running(Timer::register_retry)) {
    registration = Registration::key_awaited;
    events.push_back(WantJoinKey{});
  }
  if (registration != Registration::done) return;
  if (!stream && !timers.running(Timer::stream_retry)) start_stream(now);
  if (lite_update_due()) send_lite_update(now);
}

// ---- requests ---------------------------------------------------------------------------------------------------

std::optional<StreamId> Client::State::submit(Purpose purpose, std::string_view path, std::string& json_to_wipe,
                                              Instant deadline) {
  const auto submitted = channel->http().submit("POST", path, bytes_of(json_to_wipe));
  wipe_text(json_to_wipe);
  if (submitted) requests.emplace(*submitted, Request(purpose, deadline));
  return submitted;
}

void Client::State::cancel(StreamId id) {
  if (channel) channel->http().cancel(id);
  requests.erase(id);
}

void Client::State::response_data(StreamId id, Request& request, Bytes bytes, Instant now) {
  if (request.purpose == Purpose::map_stream && request.status == 200) return stream_data(bytes, now);
  if (request.purpose == Purpose::lite_update && request.status == 200) return;  // only the status counts
  const std::size_t most = request.status == 200 ? register_response_bytes_max : text_bytes_max;
  if (request.body.size() + bytes.size() <= most) return append(request.body, bytes);
  if (request.status == 200) {
    channel->http().cancel(id);
    request_ended(id, Ending::reset, now);
  } else {
    append(request.body, bytes.first(most - request.body.size()));
  }
}

void Client::State::request_ended(StreamId id, Ending how, Instant now) {
  auto found = requests.extract(id);
  if (found.empty()) return;
  const Request& request = found.mapped();
  switch (request.purpose) {
    case Purpose::registration: return registration_ended(request, how, now);
    case Purpose::logout: return logout_ended(request, how);
    case Purpose::map_stream: return stream_ended(request, how, now);
    case Purpose::lite_update: return lite_update_ended(request, how, now);
  }
}

void Client::State::expire_requests(Instant now) {
  for (;;) {
    const auto late = std::ranges::find_if(requests, [&](const auto& each) { return each.second.deadline <= now; });
    if (late == requests.end()) return;
    const StreamId id = late->first;
    if (channel) channel->http().cancel(id);
    request_ended(id, Ending::reset, now);
  }
}

// When a server says 429 it may say for how long; what it says is believed from one second to one hour.
Instant Client::State::retry_at(const Request& request, Backoff& backoff, Instant now) {
  if (request.status != 429) return now + backoff.next(random);
  std::int64_t wait = 0;
  const std::string& text = request.retry_after;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wait);
  const bool readable = error == std::errc{} && end == text.data() + text.size();
  if (readable && wait > 0 && wait <= 3600) return now + seconds(wait);
  return now + milliseconds(5000 + static_cast<std::int64_t>(random.below(5001)));
}

// ---- the clock --------------------------------------------------------------------------------------------------

void Client::State::handle_timeout(Instant now) {
  if (registration == Registration::logged_out) return;
  if (timers.take_expired(Timer::logout, now)) return logged_out(false);
  if (timers.take_expired(Timer::handshake, now)) {
    events.push_back(HandshakeRefused{"it did not answer in time"});
    return drop_connection(now);
  }
  if (timers.take_expired(Timer::check, now) && link == Link::open) return channel_failed(ChannelError::broken, now);
  if (timers.take_expired(Timer::refresh, now)) refresh_due = true;
  timers.take_expired(Timer::register_retry, now);
  timers.take_expired(Timer::stream_retry, now);
  timers.take_expired(Timer::lite_retry, now);
  expire_requests(now);
  handle_http_events(now);
  if (link == Link::open && !channel->http().alive()) return channel_failed(ChannelError::broken, now);
  if (timers.take_expired(Timer::reconnect, now)) want_connection();
  advance(now);
}

std::optional<Instant> Client::State::poll_timeout() const {
  if (link == Link::open && !channel->http().alive()) return Instant{};  // found out while sending
  auto first = timers.next();
  for (const auto& [id, request] : requests) {
    if (!first || request.deadline < *first) first = request.deadline;
  }
  return first;
}

// ---- the outside ------------------------------------------------------------------------------------------------

Client::Client(ClientConfig config, Random& random, Instant, ClientTimes times)
    : state_(std::make_unique<State>(std::move(config), random, times)) {
  state_->want_connection();
}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

std::optional<Buffer> Client::connection_opened(const crypto::MachinePublicKey& server_key, Instant now) {
  return state_->connection_opened(server_key, now);
}

void Client::connection_failed(Instant now) {
  if (state_->link == Link::wanted || state_->link == Link::upgrading) state_->drop_connection(now);
}

void Client::upgraded(Instant now) {
  if (state_->link != Link::upgrading) return;
  state_->link = Link::handshaking;
  state_->timers.set(Timer::handshake, now + state_->times.handshake);
}

void Client::handle_bytes(Bytes wire, Instant now) {
  state_->handle_bytes(wire, now);
}
void Client::connection_closed(Instant now) {
  state_->connection_closed(now);
}
bool Client::connected() const {
  return state_->channel.has_value();
}

void Client::provide_join_key(std::string_view join_key, Instant now) {
  state_->provide_join_key(join_key, now);
}

void Client::set_home_region(RegionId region, Instant now) {
  state_->published.home_region = region;
  state_->advance(now);
}

void Client::set_endpoints(std::vector<PublishedEndpoint> endpoints, Instant now) {
  endpoints.resize(std::min(endpoints.size(), endpoints_max));
  state_->published.endpoints = std::move(endpoints);
  state_->advance(now);
}

void Client::set_net_info(NetInfo net_info, Instant now) {
  net_info.preferred_derp = 0;
  state_->published.net_info = std::move(net_info);
  state_->advance(now);
}

void Client::check_connection(Instant now) {
  if (state_->link != Link::open || state_->timers.running(Timer::check)) return;
  state_->channel->http().ping();
  state_->timers.set(Timer::check, now + state_->times.connection_check);
}

void Client::log_out(Instant now) {
  state_->log_out(now);
}
void Client::handle_timeout(Instant now) {
  state_->handle_timeout(now);
}
std::optional<Instant> Client::poll_timeout() const {
  return state_->poll_timeout();
}
Buffer Client::poll_transmit() {
  return state_->channel ? state_->channel->transmit(transmit_bytes_max) : Buffer{};
}
std::optional<ClientEvent> Client::poll_event() {
  if (state_->events.empty()) return std::nullopt;
  ClientEvent event = std::move(state_->events.front());
  state_->events.pop_front();
  return event;
}
const Netmap& Client::netmap() const {
  return state_->netmap;
}
std::uint64_t Client::ignored_features() const {
  return state_->ignored.total();
}

}  // namespace quoin::control
