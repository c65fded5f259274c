// Registration and its opposite (tailscale controlclient/direct.go, headscale auth.go).
//
// One request carries the join key; it is in memory from provide_join_key until that request has been sent. What the
// answer means, in this order: a status other than 200 is no answer (try again, a 429 says when); Error, a wish for a
// browser, or an expired key say that the join key is not accepted; all else is a registration.
#include "control/client_state.h"

namespace quoin::control {
namespace {

constexpr std::string_view register_path = "/machine/register";
constexpr Timestamp long_past{123};  // what tailscale's client sends to log out, too

}  // namespace

Hostinfo Client::State::hostinfo() const {
  Hostinfo info;
  info.ipn_version = config.ipn_version;
  info.backend_log_id = backend_log_id;
  info.os = config.os;
  info.hostname = config.hostname;
  info.userspace = true;
  info.userspace_router = true;
  return info;
}

void Client::State::provide_join_key(std::string_view join_key, Instant now) {
  if (registration == Registration::refused) {
    registration = Registration::needed;  // asked for again when there is a connection, if there is none now
    if (link == Link::idle) return want_connection();
    if (link == Link::open) registration = Registration::key_awaited;
  }
  if (registration != Registration::key_awaited || link != Link::open) return;
  if (join_key.empty() || join_key.size() > join_key_bytes_max) return join_key_refused("it is empty or too long");

  RegisterRequest request{.version = config.version,
                          .node_key = config.node_key,
                          .old_node_key = {},
                          .auth = RegisterAuth{std::string(join_key)},
                          .expiry = {},
                          .followup = {},
                          .hostinfo = hostinfo(),
                          .ephemeral = config.ephemeral};
  std::string json = encode(request);
  wipe_text(request.auth->auth_key);
  registration = Registration::requested;
  server_may_know_us = true;
  if (!submit(Purpose::registration, register_path, json, now + times.registration)) {
    registration_failed(Request(Purpose::registration, now), "it takes no requests", now);
  }
}

void Client::State::registration_ended(const Request& request, Ending how, Instant now) {
  if (how == Ending::connection_lost) {
    registration = Registration::needed;
    if (log_out_after_registration) logged_out(false);
    return;
  }
  if (how != Ending::complete) return registration_failed(request, "it did not answer", now);
  if (request.status != 200) {
    return registration_failed(
        request, "it answered " + std::to_string(request.status) + " " + shown(text_of(request.body)), now);
  }
  const auto answer = decode_register_response(request.body);
  if (!answer) return registration_failed(request, "its answer: " + json::text(answer.error()), now);
  if (!answer->error.empty()) {
    server_may_know_us = false;
    return join_key_refused(shown(answer->error));
  }
  if (!answer->auth_url.empty()) {
    server_may_know_us = false;
    return join_key_refused("it asks for a sign-in with a browser instead");
  }
  if (answer->node_key_expired) return join_key_refused("it says that this node's key has expired");

  registration = Registration::done;
  connection_backoff.reset();
  unknown_answers = 0;
  timers.clear(Timer::stream_retry);
  timers.clear(Timer::lite_retry);
  events.push_back(Registered{shown(answer->login.login_name), answer->machine_authorized});
  if (log_out_after_registration) send_logout(now);
}

void Client::State::registration_failed(const Request& request, std::string text, Instant now) {
  registration = Registration::needed;
  if (log_out_after_registration) return logged_out(false);
  timers.set(Timer::register_retry, retry_at(request, registration_backoff, now));
  events.push_back(RegistrationFailed{std::move(text)});
}

void Client::State::join_key_refused(std::string text) {
  registration = Registration::refused;
  if (log_out_after_registration) return logged_out(!server_may_know_us);
  events.push_back(JoinKeyRefused{std::move(text)});
}

// The server deleted the node, or its key has expired there. The keys are still good for another registration.
void Client::State::forgotten(Instant now) {
  if (registration != Registration::done) return;
  std::vector<StreamId> open;
  for (const auto& [id, request] : requests) open.push_back(id);
  for (const StreamId id : open) cancel(id);
  stream.reset();
  telling.reset();
  timers.clear(Timer::refresh);
  unknown_answers = 0;
  server_may_know_us = false;
  registration = Registration::needed;
  timers.set(Timer::register_retry, now + registration_backoff.next(random));
  events.push_back(Forgotten{});
}

void Client::State::log_out(Instant now) {
  switch (registration) {
    case Registration::logging_out:
    case Registration::logged_out: return;
    case Registration::requested:  // the server might take it after the logout: wait for its answer first
      log_out_after_registration = true;
      timers.set(Timer::logout, now + times.logout);
      return;
    case Registration::needed:
    case Registration::key_awaited:
    case Registration::refused:
    case Registration::done: break;
  }
  if (!server_may_know_us) return logged_out(true);
  timers.set(Timer::logout, now + times.logout);
  send_logout(now);
}

void Client::State::send_logout(Instant now) {
  if (link != Link::open) return logged_out(false);
  registration = Registration::logging_out;
  RegisterRequest request{.version = config.version,
                          .node_key = config.node_key,
                          .old_node_key = {},
                          .auth = {},
                          .expiry = long_past,
                          .followup = {},
                          .hostinfo = hostinfo(),
                          .ephemeral = config.ephemeral};
  std::string json = encode(request);
  if (!submit(Purpose::logout, register_path, json, now + times.logout)) logged_out(false);
}

// NodeKeyExpired is what success looks like here.
void Client::State::logout_ended(const Request& request, Ending how) {
  const auto answer = decode_register_response(request.body);
  logged_out(how == Ending::complete && request.status == 200 && answer && answer->error.empty());
}

void Client::State::logged_out(bool was_told) {
  if (registration == Registration::logged_out) return;
  registration = Registration::logged_out;
  timers = {};
  requests.clear();
  stream.reset();
  telling.reset();
  channel.reset();
  link = Link::idle;
  events.push_back(LoggedOut{was_told});
}

}  // namespace quoin::control
