#include "link.h"

#include <array>
#include <utility>

#include "control/key_page.h"
#include "control/messages.h"
#include "io/tcp_stream.h"

namespace quoin::apps {
namespace {

std::string describe(http::HttpError error) {
  switch (error) {
    case http::HttpError::bad_request: return "cannot be asked: its name does not fit into a request";
    case http::HttpError::not_http: return "does not answer in HTTP";
    case http::HttpError::header_too_large: return "answered with too large a header";
    case http::HttpError::body_too_large: return "answered with too large a page";
    case http::HttpError::cut_short: return "ended the connection in the middle of its answer";
    case http::HttpError::unexpected_upgrade: return "changed to another protocol than the one asked for";
  }
  std::unreachable();
}

// What a reverse proxy says while the server behind it starts, and what is worth another try.
bool is_for_now(int status) {
  return status == 502 || status == 503 || status == 504;
}

node::StreamTrouble trouble_of(io::TlsError error) {
  switch (error) {
    case io::TlsError::untrusted:
    case io::TlsError::wrong_name:
    case io::TlsError::not_in_force: return node::StreamTrouble::certificate;
    case io::TlsError::not_tls:
    case io::TlsError::refused: return node::StreamTrouble::not_the_server;
    case io::TlsError::bad_roots:
    case io::TlsError::closed: return node::StreamTrouble::unreachable;
  }
  std::unreachable();
}

}  // namespace

Link::Link(io::Loop& loop, io::Descriptor connected, LinkTarget target, LinkHandlers handlers, Instant now)
    : loop_(loop), target_(std::move(target)), handlers_(std::move(handlers)), opened_by_(now + open_time_max) {
  if (!target_.roots) {
    stream_ = std::make_unique<io::TcpStream>(loop, std::move(connected));
    return;
  }
  auto tls = io::TlsClient::create(loop, std::move(connected), *target_.roots, target_.name);
  if (!tls) {
    refused_ = node::StreamFailure{trouble_of(tls.error().error), tls.error().text};
    return;
  }
  tls_ = tls->get();
  stream_ = std::move(*tls);
}

std::string Link::who() const {
  return (target_.is_control ? "the control server " : "the relay ") + target_.host_field;
}

void Link::start() {
  if (refused_) return fail(refused_->trouble, refused_->text);
  const auto proceed = [this] { target_.is_control && !target_.server_key ? ask_for_key() : upgrade(); };
  if (!tls_) return proceed();
  tls_->handshake([this, proceed](Result<void, io::TlsFailure> done) {
    if (!done) return fail(trouble_of(done.error().error), done.error().text);
    proceed();
  });
}

void Link::ask_for_key() {
  answer_ = http::HttpAnswer();
  http::HttpRequest request;
  request.target = "/key?v=" + std::to_string(control::capability_version);
  request.host = target_.host_field;
  send(request, [this] { handle_key(); });
}

void Link::handle_key() {
  if (is_for_now(answer_.status())) return fail_for_now();
  if (answer_.status() != 200) {
    return fail(node::StreamTrouble::not_the_server, who() + " has no /key page (status " +
                                                         std::to_string(answer_.status()) +
                                                         "): is this the address of a control server?");
  }
  target_.server_key = control::parse_key_page(answer_.body());
  has_told_key_ = target_.server_key.has_value();
  if (!target_.server_key) {
    return fail(node::StreamTrouble::not_the_server,
                who() + " answers /key with something else than its key: is this a control server?");
  }
  upgrade();
}

void Link::upgrade() {
  http::HttpRequest request;
  request.host = target_.host_field;
  if (target_.is_control) {
    const auto handshake = handlers_.handshake(*target_.server_key);
    if (!handshake) return fail(node::StreamTrouble::ended, who() + ": not used");  // the node has said why
    request.method = "POST";
    request.target = "/ts2021";
    request.upgrade = "tailscale-control-protocol";
    request.fields = {{"X-Tailscale-Handshake", to_base64(*handshake)}};
  } else {
    request.target = "/derp";
    request.upgrade = "DERP";
  }
  answer_ = http::HttpAnswer(request.upgrade);
  send(request, [this] { handle_upgrade(); });
}

void Link::handle_upgrade() {
  if (is_for_now(answer_.status())) return fail_for_now();
  if (!answer_.upgraded()) {
    const std::string refused = who() + " refused the upgrade (status " + std::to_string(answer_.status()) + "): ";
    if (!target_.is_control) return fail(node::StreamTrouble::not_the_server, refused + "is this a DERP relay?");
    return fail(
        node::StreamTrouble::not_the_server,
        refused + (has_told_key_ ? "it told its key at /key, so a proxy in front of it spoils /ts2021; that must "
                                   "pass the Upgrade header of tailscale-control-protocol on"
                                 : "is this a control server?"));
  }
  is_open_ = true;
  handlers_.opened(answer_.leftover());
}

void Link::send(const http::HttpRequest& request, std::move_only_function<void()> answered) {
  auto bytes = http::http_request(request);
  if (!bytes) return fail(node::StreamTrouble::not_the_server, who() + " " + describe(bytes.error()));
  request_ = std::move(*bytes);
  request_sent_ = 0;
  answered_ = std::move(answered);
  write_request();
}

void Link::write_request() {
  while (request_sent_ < request_.size()) {
    const auto moved = stream_->write_some(bytes_of(request_).subspan(request_sent_));
    if (!moved) {
      if (moved.error() == io::StreamStop::would_block) return stream_->wait_writable([this] { write_request(); });
      return fail(node::StreamTrouble::unreachable, who() + " ended the connection: " + stream_->failure());
    }
    request_sent_ += *moved;
  }
  read_answer();
}

void Link::read_answer() {
  std::array<std::byte, 4096> space;
  for (;;) {
    const auto moved = stream_->read_some(space);
    if (!moved) {
      if (moved.error() == io::StreamStop::would_block) return stream_->wait_readable([this] { read_answer(); });
      if (moved.error() == io::StreamStop::finished && answer_.end()) break;
      return fail(node::StreamTrouble::not_the_server, who() + " ended the connection without a whole answer");
    }
    const auto complete = answer_.feed(Bytes(space).first(*moved));
    if (!complete) return fail(node::StreamTrouble::not_the_server, who() + " " + describe(complete.error()));
    if (*complete) break;
  }
  auto answered = std::exchange(answered_, {});
  answered();
}

void Link::handle_timeout(Instant now) {
  if (!is_open_ && now >= opened_by_)
    fail(node::StreamTrouble::unreachable, who() + " did not answer within 10 seconds");
}

void Link::fail_for_now() {
  fail(node::StreamTrouble::unreachable,
       who() + ": the proxy in front of it does not reach it, or it is overloaded (status " +
           std::to_string(answer_.status()) + ")");
}

void Link::fail(node::StreamTrouble trouble, std::string text) {
  auto failed = std::move(handlers_.failed);  // it may destroy this link
  failed({trouble, std::move(text)});
}

}  // namespace quoin::apps
