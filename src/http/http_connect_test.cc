#include "http/http_connect.h"

#include <gtest/gtest.h>

namespace quoin::http {
namespace {

HttpConnectAnswer answered(std::string_view text) {
  HttpConnectAnswer answer;
  EXPECT_TRUE(answer.feed(bytes_of(text))) << text;
  return answer;
}

std::optional<HttpConnectError> error_of(std::string_view text) {
  HttpConnectAnswer answer;
  const auto fed = answer.feed(bytes_of(text));
  return fed ? std::nullopt : std::optional(fed.error());
}

TEST(HttpConnect, asks_for_the_target_and_shows_the_authorization_if_there_is_one) {
  EXPECT_EQ(http_connect_request("relay.example.com:443", ""),
            "CONNECT relay.example.com:443 HTTP/1.1\r\nHost: relay.example.com:443\r\n\r\n");
  EXPECT_EQ(http_connect_request("[2001:db8::1]:443", "Basic bGFiOmxhYg=="),
            "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
            "Proxy-Authorization: Basic bGFiOmxhYg==\r\n\r\n");
}

TEST(HttpConnect, takes_no_byte_behind_the_blank_line) {
  const std::string head = "HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n";
  HttpConnectAnswer answer;
  EXPECT_EQ(answer.feed(bytes_of(head + "\r\n\x16\x03\x01")), head.size());
  EXPECT_TRUE(answer.connected());
  EXPECT_EQ(answer.feed(bytes_of("more")), 0U);
}

TEST(HttpConnect, is_read_the_same_in_pieces_of_any_size) {
  const std::string text = "HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200\nVia: a\n b\n\n";
  for (std::size_t step = 1; step <= text.size(); step++) {
    HttpConnectAnswer answer;
    for (std::size_t at = 0; at < text.size(); at += step) {
      const auto piece = std::string_view(text).substr(at, step);
      EXPECT_EQ(answer.feed(bytes_of(piece)), piece.size());
      EXPECT_EQ(answer.complete(), at + step >= text.size());
    }
    EXPECT_TRUE(answer.connected());
  }
}

TEST(HttpConnect, tells_a_refusal_by_its_status) {
  for (const int status : {302, 403, 404, 407, 502, 503}) {
    const auto answer = answered("HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 99\r\n\r\n");
    EXPECT_TRUE(answer.complete());
    EXPECT_FALSE(answer.connected());
    EXPECT_EQ(answer.status(), status);
  }
}

TEST(HttpConnect, any_status_of_200_connects) {
  EXPECT_TRUE(answered("HTTP/1.1 204 Nothing to say\r\n\r\n").connected());
}

TEST(HttpConnect, sees_whether_basic_is_among_the_schemes_offered) {
  const auto offers = [](std::string_view fields) {
    return answered("HTTP/1.1 407 Sign in\r\n" + std::string(fields) + "\r\n\r\n").offers_basic();
  };
  EXPECT_TRUE(offers("Proxy-Authenticate: Basic realm=\"lab\""));
  EXPECT_TRUE(offers("PROXY-AUTHENTICATE:bAsIc"));
  EXPECT_TRUE(offers("Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=\"a\""));
  EXPECT_TRUE(offers("Proxy-Authenticate: Digest realm=\"x, y\", nonce=\"1\", Basic realm=\"a\""));
  EXPECT_FALSE(offers("Proxy-Authenticate: NTLM"));
  EXPECT_FALSE(offers("Proxy-Authenticate: Basically"));
  EXPECT_FALSE(offers("Proxy-Authenticate: Digest realm=\"a, Basic b\""));
  EXPECT_FALSE(offers("WWW-Authenticate: Basic realm=\"lab\""));
}

TEST(HttpConnect, refuses_what_is_not_http) {
  for (const char* text : {"\r\n", "SSH-2.0-dropbear\r\n", "HTTP/2 200\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000 x\r\n",
                           "HTTP/1.1 600 x\r\n", "HTTP/1.1 099 x\r\n", "HTTP/1.1  200 x\r\n", "HTTP/1.x 200 x\r\n",
                           "HTTP/1.1 101 Switching\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n",
                           "HTTP/1.1 200 OK\r\n: no name\r\n", "<html>\n"}) {
    EXPECT_EQ(error_of(text), HttpConnectError::not_http) << text;
  }
}

TEST(HttpConnect, refuses_an_answer_without_an_end) {
  const std::string line = "HTTP/1.1 200 OK\r\nX: ";
  const std::string fits(HttpConnectAnswer::bytes_max - line.size() - 4, 'x');
  EXPECT_TRUE(answered(line + fits + "\r\n\r\n").connected());
  EXPECT_EQ(error_of(line + fits + "x\r\n\r\n"), HttpConnectError::too_large);
  std::string interim;
  while (interim.size() <= HttpConnectAnswer::bytes_max) interim += "HTTP/1.1 100 Wait\r\n\r\n";
  EXPECT_EQ(error_of(interim), HttpConnectError::too_large);
}

}  // namespace
}  // namespace quoin::http
