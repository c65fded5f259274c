#include <array>
#include <cerrno>

#include <sys/socket.h>

#include "base/secret.h"
#include "io/clock.h"
#include "io/http_connect_dial.h"

namespace quoin::io {

using What = HttpConnectFailure::What;

HttpConnectDial::HttpConnectDial(Loop& loop, std::vector<Endpoint> proxy, std::string request, Duration within,
                                 Done done)
    : loop_(loop),
      request_(std::move(request)),
      done_(std::move(done)),
      timer_(loop, [this] { finish(failure(HttpConnectFailure{.what = What::timed_out})); }) {
  dial_ = std::make_unique<Dial>(loop, std::move(proxy), within, [this](Result<Dialled, DialError> connected) {
    if (!connected) return finish(failure(HttpConnectFailure{.what = What::not_reached, .dial = connected.error()}));
    reached(std::move(*connected));
  });
  // Later than the dial's own last timeout, which knows better what went wrong.
  timer_.set(now() + within + milliseconds(100));
}

HttpConnectDial::~HttpConnectDial() {
  wipe(std::as_writable_bytes(std::span(request_)));
}

void HttpConnectDial::reached(Dialled proxy) {
  proxy_ = proxy.to;
  socket_ = std::make_unique<Readiness>(loop_, std::move(proxy.socket));
  write_request();
}

void HttpConnectDial::write_request() {
  while (written_ < request_.size()) {
    const auto sent =
        ::send(socket_->number(), request_.data() + written_, request_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      written_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      return socket_->wait_writable([this] { write_request(); });
    } else if (errno != EINTR) {
      return finish(failure(HttpConnectFailure{.what = What::closed}));
    }
  }
  wipe(std::as_writable_bytes(std::span(request_)));
  read_answer();
}

// Looks at what has come and takes what is the answer's, so that the rest is still there for whoever gets the socket.
void HttpConnectDial::read_answer() {
  std::array<std::byte, 1024> space;
  while (!answer_.complete()) {
    const auto seen = ::recv(socket_->number(), space.data(), space.size(), MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && errno == EINTR) continue;
    if (seen < 0 && errno == EAGAIN) return socket_->wait_readable([this] { read_answer(); });
    if (seen <= 0) return finish(failure(HttpConnectFailure{.what = What::closed}));
    const auto taken = answer_.feed(Bytes(space).first(static_cast<std::size_t>(seen)));
    if (!taken) return finish(failure(HttpConnectFailure{.what = What::not_http}));
    if (::recv(socket_->number(), space.data(), *taken, MSG_DONTWAIT) != static_cast<ssize_t>(*taken)) {
      return finish(failure(HttpConnectFailure{.what = What::closed}));
    }
  }
  if (answer_.connected()) return finish(Dialled{socket_->release(), *proxy_});
  finish(failure(
      HttpConnectFailure{.what = What::refused, .status = answer_.status(), .offers_basic = answer_.offers_basic()}));
}

void HttpConnectDial::finish(Result<Dialled, HttpConnectFailure> result) {
  timer_.clear();
  dial_.reset();
  socket_.reset();
  Done done = std::move(done_);
  done(std::move(result));
}

}  // namespace quoin::io
