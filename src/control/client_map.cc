// The map stream and the lite updates (tailscale controlclient/{direct,map,auto}.go, headscale poll.go).
//
// The stream is one long response. Its watchdog covers the wait for the header and for each message; keepalives come
// about every minute. A stream that ends, for whatever reason, is asked for again after a while; after three in a row
// without one message the connection is given up too.
//
// A lite update tells endpoints and home relay: the official server ignores them in the stream request. Three reasons
// to send one: something changed; headscale 0.28 pushes a new disco key to peers only when a request follows that
// changes nothing, so each stream is followed by one that repeats exactly what was said before; and a node that was
// deleted hears of it only in the answer to a request, so an unchanged one goes out every few minutes.
#include "control/client_state.h"

namespace quoin::control {
namespace {

constexpr std::string_view map_path = "/machine/map";
constexpr int silent_streams_max = 3;   // in a row, then the connection goes
constexpr int unknown_answers_max = 2;  // in a row, then the node was deleted

bool says_unknown(int status) {
  return status == 404 || status == 401;
}

}  // namespace

MapRequest Client::State::map_request() const {
  MapRequest request{.version = config.version,
                     .compress = "zstd",
                     .keep_alive = true,
                     .node_key = config.node_key,
                     .disco_key = config.disco_key,
                     .stream = false,
                     .hostinfo = hostinfo(),
                     .endpoints = {},
                     .endpoint_types = {},
                     .omit_peers = false,
                     .read_only = false};
  NetInfo net_info = published.net_info;
  net_info.preferred_derp = published.home_region;
  if (net_info != NetInfo{}) request.hostinfo->net_info = std::move(net_info);
  for (const PublishedEndpoint& each : published.endpoints) {
    request.endpoints.push_back(each.endpoint);
    request.endpoint_types.push_back(static_cast<std::int32_t>(each.type));
  }
  return request;
}

// ---- stream -----------------------------------------------------------------------------------------------------

void Client::State::start_stream(Instant now) {
  MapRequest request = map_request();
  request.stream = true;
  std::string json = encode(request);
  const auto submitted = submit(Purpose::map_stream, map_path, json, now + times.watchdog);
  if (!submitted) return timers.set(Timer::stream_retry, now + stream_backoff.next(random));
  stream.emplace(MapStream{.stream = *submitted});
  told = published;
  told_twice = false;
}

void Client::State::stream_data(Bytes bytes, Instant now) {
  while (stream) {
    auto message = stream->frames.next(bytes);
    if (!message) {
      const bool too_long = message.error() == FrameError::too_long;
      return stream_unusable(too_long ? "a map message was too long" : "a map message was malformed", now);
    }
    if (!*message) return;
    stream_message(**message, now);
  }
}

void Client::State::stream_message(Bytes json, Instant now) {
  std::vector<std::string> others;
  const auto message = decode_map_response(json, &others);
  if (!message) return stream_unusable("a map message: " + json::text(message.error()), now);
  requests.at(stream->stream).deadline = now + times.watchdog;
  for (const std::string& name : others) {
    if (const auto first = ignored.note(name)) events.push_back(FeatureIgnored{std::string(*first)});
  }
  if (message->keep_alive) return netmap.keepalive(*message, now);

  const auto change = netmap.apply(*message, stream->opened ? Netmap::Kind::change : Netmap::Kind::snapshot, now);
  if (!change) {
    const bool no_self = change.error() == NetmapError::no_self;
    return stream_unusable(no_self ? "the first map message did not say who we are" : "the map has too many peers",
                           now);
  }
  if (!change->empty()) events.push_back(NetmapChanged{*change});
  if (!stream->opened) {
    stream->opened = true;
    events.push_back(MapStreamOpened{});
    connection_backoff.reset();
    stream_backoff.reset();
    unknown_answers = 0;
  }
  if (netmap.self()->expired) return forgotten(now);
  registration_backoff.reset();
}

void Client::State::stream_failed(std::string text, Instant now) {
  stream_failed_until(now + stream_backoff.next(random), std::move(text));
}

void Client::State::stream_unusable(std::string text, Instant now) {
  stream_failed_until(now + stream_backoff.next(random), std::move(text), true);
}

void Client::State::stream_failed_until(Instant retry, std::string text, bool is_unusable) {
  const bool opened = stream->opened;
  cancel(stream->stream);
  stream.reset();
  if (registration != Registration::done) return;
  timers.set(Timer::stream_retry, retry);
  silent_streams = opened ? 0 : silent_streams + 1;
  const bool give_up = silent_streams == silent_streams_max;
  if (give_up) silent_streams = 0;
  if (opened || give_up) events.push_back(MapStreamLost{std::move(text), is_unusable});
  if (give_up && link == Link::open) channel->http().connection_lost();  // noticed as dead by whoever called
}

void Client::State::stream_ended(const Request& request, Ending how, Instant now) {
  if (!stream) return;
  if (how == Ending::connection_lost) {
    if (stream->opened) events.push_back(MapStreamLost{"the connection was lost"});
    stream.reset();
    return;
  }
  if (says_unknown(request.status)) {
    stream_failed("the server does not know this node", now);
    return unknown_to_server(now);
  }
  if (request.status != 0 && request.status != 200) {
    return stream_failed_until(retry_at(request, stream_backoff, now),
                               "it answered " + std::to_string(request.status) + " " + shown(text_of(request.body)));
  }
  stream_failed(how == Ending::complete ? "the server ended the stream" : "no message in time, or cut off", now);
}

// ---- lite updates -----------------------------------------------------------------------------------------------

bool Client::State::lite_update_due() const {
  if (!stream || !stream->opened || telling || timers.running(Timer::lite_retry)) return false;
  return told != published || !told_twice || refresh_due;
}

void Client::State::send_lite_update(Instant now) {
  MapRequest request = map_request();
  request.omit_peers = true;
  std::string json = encode(request);
  if (!submit(Purpose::lite_update, map_path, json, now + times.lite_update)) {
    return timers.set(Timer::lite_retry, now + lite_backoff.next(random));
  }
  telling = published;
}

void Client::State::lite_update_ended(const Request& request, Ending how, Instant now) {
  const auto said = std::exchange(telling, std::nullopt);
  if (how == Ending::connection_lost || registration != Registration::done) return;
  if (how != Ending::complete || request.status != 200) {
    timers.set(Timer::lite_retry, retry_at(request, lite_backoff, now));
    if (says_unknown(request.status)) unknown_to_server(now);
    return;
  }
  if (said && said->home_region != 0 && said->home_region != home_region_told) {
    home_region_told = said->home_region;
    events.push_back(HomeRegionTold{home_region_told});
  }
  told_twice = told_twice || said == told;
  told = said;
  refresh_due = false;
  unknown_answers = 0;
  lite_backoff.reset();
  // Up to a tenth later, so that many nodes do not stay in step.
  const auto spread = static_cast<std::uint64_t>(times.refresh.count() / 10);
  const auto extra = Duration(spread == 0 ? 0 : static_cast<std::int64_t>(random.below(spread)));
  timers.set(Timer::refresh, now + times.refresh + extra);
}

void Client::State::unknown_to_server(Instant now) {
  if (++unknown_answers >= unknown_answers_max) forgotten(now);
}

}  // namespace quoin::control
