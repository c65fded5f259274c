#include "http/http1.h"

#include <gtest/gtest.h>

namespace quoin::http {
namespace {

Result<bool, HttpError> refused(HttpError error) {
  return failure(error);
}

TEST(HttpRequest, for_a_page_is_written_out) {
  EXPECT_EQ(http_request({.target = "/key?v=130", .host = "control.example.com:8443"}),
            "GET /key?v=130 HTTP/1.1\r\nHost: control.example.com:8443\r\n\r\n");
}

TEST(HttpRequest, for_an_upgrade_names_the_protocol) {
  EXPECT_EQ(http_request({.method = "POST",
                          .target = "/ts2021",
                          .host = "c",
                          .upgrade = "tailscale-control-protocol",
                          .fields = {{"X-Tailscale-Handshake", "AAAA"}}}),
            "POST /ts2021 HTTP/1.1\r\nHost: c\r\nUpgrade: tailscale-control-protocol\r\nConnection: Upgrade\r\n"
            "X-Tailscale-Handshake: AAAA\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpRequest, refuses_parts_that_would_break_out_of_their_line) {
  const auto refused = Result<std::string, HttpError>(failure(HttpError::bad_request));
  EXPECT_EQ(http_request({.target = "/a b", .host = "c"}), refused);
  EXPECT_EQ(http_request({.target = "/", .host = "c\r\nX: y"}), refused);
  EXPECT_EQ(http_request({.target = "/", .host = ""}), refused);
  EXPECT_EQ(http_request({.method = "GET ", .target = "/", .host = "c"}), refused);
  EXPECT_EQ(http_request({.target = "/", .host = "c", .upgrade = "D\nE"}), refused);
  EXPECT_EQ(http_request({.target = "/", .host = "c", .fields = {{"A", "1\r\nB: 2"}}}), refused);
  EXPECT_EQ(http_request({.target = "/", .host = "c", .fields = {{"A:", "1"}}}), refused);
}

TEST(HttpHost, has_brackets_for_ipv6_and_a_port_only_if_unusual) {
  EXPECT_EQ(http_host("example.com", 443, 443), "example.com");
  EXPECT_EQ(http_host("example.com", 8443, 443), "example.com:8443");
  EXPECT_EQ(http_host("2001:db8::1", 443, 443), "[2001:db8::1]");
}

TEST(HttpAnswer, with_a_length_is_complete_at_its_last_byte) {
  HttpAnswer answer;
  EXPECT_EQ(answer.feed(bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A: b\r\n\r\nab")), false);
  EXPECT_EQ(answer.feed(bytes_of("cdrest")), true);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body(), "abcd");
  EXPECT_EQ(answer.field("x-a"), "b");
  EXPECT_EQ(answer.field("x-b"), std::nullopt);
  EXPECT_EQ(text_of(answer.leftover()), "rest");
}

TEST(HttpAnswer, may_come_byte_by_byte) {
  const std::string_view text =
      "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  HttpAnswer answer;
  for (std::size_t i = 0; i < text.size(); i++) {
    ASSERT_EQ(answer.feed(bytes_of(text.substr(i, 1))), i + 1 == text.size()) << i;
  }
  EXPECT_EQ(answer.status(), 404);
  EXPECT_EQ(answer.body(), "abcde");
}

TEST(HttpAnswer, to_an_upgrade_leaves_what_belongs_to_the_new_protocol) {
  HttpAnswer answer("DERP");
  EXPECT_EQ(
      answer.feed(bytes_of("HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n\x01zz")),
      true);
  EXPECT_TRUE(answer.upgraded());
  EXPECT_EQ(text_of(answer.leftover()), "\x01zz");
}

TEST(HttpAnswer, that_refuses_an_upgrade_has_its_reason) {
  HttpAnswer answer("DERP");
  EXPECT_EQ(answer.feed(bytes_of("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")), true);
  EXPECT_FALSE(answer.upgraded());
  EXPECT_EQ(answer.body(), "no");
}

TEST(HttpAnswer, refuses_an_upgrade_to_what_was_not_asked_for) {
  HttpAnswer other("DERP");
  EXPECT_EQ(other.feed(bytes_of("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")),
            refused(HttpError::unexpected_upgrade));
  HttpAnswer none;
  EXPECT_EQ(none.feed(bytes_of("HTTP/1.1 101 X\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n")),
            refused(HttpError::unexpected_upgrade));
}

TEST(HttpAnswer, skips_interim_answers_but_not_for_ever) {
  HttpAnswer answer;
  EXPECT_EQ(answer.feed(bytes_of("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")), true);
  EXPECT_EQ(answer.status(), 204);
  EXPECT_EQ(answer.field("Link"), std::nullopt);

  HttpAnswer endless;
  Result<bool, HttpError> fed = false;
  for (std::size_t i = 0; i <= http_interim_max && fed; i++)
    fed = endless.feed(bytes_of("HTTP/1.1 100 Continue\r\n\r\n"));
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error(), HttpError::not_http);
}

TEST(HttpAnswer, without_a_length_ends_with_the_connection) {
  HttpAnswer answer;
  EXPECT_EQ(answer.feed(bytes_of("HTTP/1.1 200 OK\r\n\r\nall of it")), false);
  EXPECT_TRUE(answer.end());
  EXPECT_EQ(answer.body(), "all of it");
}

TEST(HttpAnswer, is_cut_short_when_the_connection_ends_inside_it) {
  HttpAnswer in_body, in_header, nothing;
  EXPECT_EQ(in_body.feed(bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")), false);
  EXPECT_EQ(in_body.end().error(), HttpError::cut_short);
  EXPECT_EQ(in_header.feed(bytes_of("HTTP/1.1 20")), false);
  EXPECT_EQ(in_header.end().error(), HttpError::cut_short);
  EXPECT_EQ(nothing.end().error(), HttpError::cut_short);
}

TEST(HttpAnswer, has_limits_on_header_and_body) {
  HttpAnswer long_header;
  EXPECT_EQ(long_header.feed(bytes_of("HTTP/1.1 200 OK\r\nA: " + std::string(http_header_bytes_max, 'a') + "\r\n\r\n"))
                .error(),
            HttpError::header_too_large);
  HttpAnswer endless_header;
  Result<bool, HttpError> fed = endless_header.feed(bytes_of("HTTP/1.1 200 OK\r\nA: "));
  std::size_t offered = 0;
  for (; fed && offered < 2 * http_header_bytes_max; offered += 1000)
    fed = endless_header.feed(Buffer(1000, std::byte{'a'}));
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error(), HttpError::header_too_large);

  HttpAnswer announced;
  EXPECT_EQ(announced.feed(bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n")),
            refused(HttpError::body_too_large));
  HttpAnswer unannounced;
  fed = unannounced.feed(bytes_of("HTTP/1.1 200 OK\r\n\r\n"));
  for (std::size_t i = 0; fed && i < 70; i++) fed = unannounced.feed(Buffer(1000));
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error(), HttpError::body_too_large);
}

TEST(HttpAnswer, from_something_else_is_not_http) {
  for (const std::string_view text :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01\x02\x02\x46\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"}) {
    HttpAnswer answer;
    EXPECT_EQ(answer.feed(bytes_of(text)), refused(HttpError::not_http)) << text;
  }
}

}  // namespace
}  // namespace quoin::http
