// CONNECT over real sockets, with a proxy that says what the test makes it say.
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/http_connect_dial.h"
#include "io/isolated_network.h"
#include "io/run_until.h"
#include "io/socket_address.h"

namespace quoin::io {
namespace {

using What = HttpConnectFailure::What;

class HttpConnectDialTest : public testing::Test {
 protected:
  HttpConnectDialTest() {
    const SocketAddress wanted({*IpAddress::parse("127.0.0.1"), 0});
    listener_ = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(bind(listener_.number(), reinterpret_cast<const sockaddr*>(wanted.bytes.data()), wanted.length), 0);
    EXPECT_EQ(listen(listener_.number(), 4), 0);
    SocketAddress bound;
    socklen_t length = SocketAddress::bytes_max;
    EXPECT_EQ(getsockname(listener_.number(), reinterpret_cast<sockaddr*>(bound.bytes.data()), &length), 0);
    bound.length = length;
    endpoint_ = bound.endpoint();
  }

  void start(Duration within = seconds(10)) {
    attempt_.emplace(loop_, std::vector{*endpoint_}, http::http_connect_request("relay.example.com:443", "Basic eDp5"),
                     within, [this](Result<Dialled, HttpConnectFailure> result) { outcome_ = std::move(result); });
  }
  // The proxy takes the connection, and has read the whole request.
  void take_request() {
    EXPECT_TRUE(run_until(loop_, [&] {
      if (!proxy_) proxy_ = Descriptor(accept4(listener_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      std::array<char, 512> space;
      const auto came = proxy_ ? recv(proxy_.number(), space.data(), space.size(), 0) : -1;
      if (came > 0) request_.append(space.data(), static_cast<std::size_t>(came));
      return request_.ends_with("\r\n\r\n");
    }));
  }
  void say(std::string_view text) {
    EXPECT_EQ(send(proxy_.number(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // Lets the loop see what has arrived.
  void turn() {
    for (int round = 0; round < 3; round++) {
      bool over = false;
      loop_.post([&] { over = true; });
      EXPECT_TRUE(run_until(loop_, [&] { return over; }));
    }
  }
  Result<Dialled, HttpConnectFailure> outcome() {
    EXPECT_TRUE(run_until(loop_, [&] { return outcome_.has_value(); }));
    return outcome_ ? std::move(*outcome_) : failure(HttpConnectFailure{.what = What::closed});
  }
  HttpConnectFailure refusal_after(std::string_view text) {
    start();
    take_request();
    say(text);
    proxy_ = Descriptor();
    const auto result = outcome();
    EXPECT_FALSE(result);
    return result ? HttpConnectFailure{} : result.error();
  }

  Loop loop_;
  Descriptor listener_;
  std::optional<Endpoint> endpoint_;
  Descriptor proxy_;
  std::string request_;
  std::optional<Result<Dialled, HttpConnectFailure>> outcome_;
  std::optional<HttpConnectDial> attempt_;
};

TEST_F(HttpConnectDialTest, hands_over_a_socket_in_which_every_byte_behind_the_answer_still_stands) {
  start();
  take_request();
  EXPECT_EQ(request_, http::http_connect_request("relay.example.com:443", "Basic eDp5"));
  say("HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\nthe other end speaks first");
  const auto connected = outcome();
  ASSERT_TRUE(connected);
  EXPECT_EQ(connected->to, *endpoint_);
  std::array<char, 64> space;
  const auto came = recv(connected->socket.number(), space.data(), space.size(), 0);
  ASSERT_GT(came, 0);
  EXPECT_EQ(std::string_view(space.data(), static_cast<std::size_t>(came)), "the other end speaks first");
}

TEST_F(HttpConnectDialTest, reads_an_answer_that_comes_byte_by_byte) {
  start();
  take_request();
  for (const char c : std::string_view("HTTP/1.0 200 OK\r\n\r\n")) {
    EXPECT_FALSE(outcome_);
    say(std::string_view(&c, 1));
    turn();
  }
  EXPECT_TRUE(outcome());
}

TEST_F(HttpConnectDialTest, tells_status_and_offered_scheme_of_a_refusal) {
  const auto refusal = refusal_after("HTTP/1.1 407 Sign in\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n<html>");
  EXPECT_EQ(refusal.what, What::refused);
  EXPECT_EQ(refusal.status, 407);
  EXPECT_TRUE(refusal.offers_basic);
}

TEST_F(HttpConnectDialTest, tells_an_answer_that_is_not_http) {
  EXPECT_EQ(refusal_after("220 mail.example.com ESMTP\r\n").what, What::not_http);
}

TEST_F(HttpConnectDialTest, tells_a_proxy_that_hangs_up_in_its_answer) {
  EXPECT_EQ(refusal_after("HTTP/1.1 200 OK\r\nVia").what, What::closed);
}

TEST_F(HttpConnectDialTest, tells_a_proxy_that_does_not_answer) {
  start(milliseconds(20));
  const auto result = outcome();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, What::timed_out);
}

TEST_F(HttpConnectDialTest, tells_that_nobody_listens_at_the_proxy) {
  listener_ = Descriptor();
  start();
  const auto result = outcome();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, What::not_reached);
  EXPECT_EQ(result.error().dial, DialError::refused);
}

TEST_F(HttpConnectDialTest, gives_up_silently) {
  start();
  take_request();
  attempt_.reset();
  send(proxy_.number(), "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);  // to a connection that was reset
  turn();
  EXPECT_FALSE(outcome_);
}

}  // namespace
}  // namespace quoin::io
