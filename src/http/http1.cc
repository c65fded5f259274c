#include "http/http1.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace quoin::http {

namespace beast = boost::beast::http;

namespace {

bool is_token(std::string_view text) {  // RFC 9110, section 5.6.2
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.contains(c);
  });
}

bool is_visible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool equal_in_any_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

Result<std::string, HttpError> http_request(const HttpRequest& request) {
  if (!is_token(request.method) || !is_visible(request.target) || !is_visible(request.host)) {
    return failure(HttpError::bad_request);
  }
  std::string out = request.method + " " + request.target + " HTTP/1.1\r\nHost: " + request.host + "\r\n";
  if (!request.upgrade.empty()) {
    if (!is_token(request.upgrade)) return failure(HttpError::bad_request);
    out += "Upgrade: " + request.upgrade + "\r\nConnection: Upgrade\r\n";
  }
  for (const HttpField& field : request.fields) {
    if (!is_token(field.name) || !is_field_value(field.value)) return failure(HttpError::bad_request);
    out += field.name + ": " + field.value + "\r\n";
  }
  if (request.method != "GET" && request.method != "HEAD") out += "Content-Length: 0\r\n";
  out += "\r\n";
  return out;
}

std::string http_host(std::string_view host, std::uint16_t port, std::uint16_t usual_port) {
  std::string out = host.contains(':') ? "[" + std::string(host) + "]" : std::string(host);
  if (port != usual_port) out += ":" + std::to_string(port);
  return out;
}

struct HttpAnswer::Parser {
  using Response = beast::response_parser<beast::string_body>;

  explicit Parser(std::string upgrade_asked) : upgrade(std::move(upgrade_asked)) { begin(); }

  void begin() {
    response.emplace();
    response->eager(true);
    response->header_limit(http_header_bytes_max);
    response->body_limit(http_body_bytes_max);
  }
  Result<void, HttpError> parse();
  Result<bool, HttpError> complete();

  std::string upgrade;
  std::optional<Response> response;  // engaged, always
  Buffer unread;                     // what the parser has not taken; after the end, what follows the answer
  std::size_t interim = 0;
};

HttpAnswer::HttpAnswer(std::string upgrade) : parser_(std::make_unique<Parser>(std::move(upgrade))) {}
HttpAnswer::~HttpAnswer() = default;
HttpAnswer::HttpAnswer(HttpAnswer&&) noexcept = default;
HttpAnswer& HttpAnswer::operator=(HttpAnswer&&) noexcept = default;

Result<bool, HttpError> HttpAnswer::feed(Bytes bytes) {
  append(parser_->unread, bytes);
  for (;;) {
    TRY(parser_->parse());
    if (!parser_->response->is_done()) return false;
    if (TRY(parser_->complete())) return true;
  }
}

Result<void, HttpError> HttpAnswer::Parser::parse() {
  while (!response->is_done() && !unread.empty()) {
    boost::system::error_code error;
    const std::size_t taken = response->put(boost::asio::buffer(unread.data(), unread.size()), error);
    unread.erase(unread.begin(), unread.begin() + static_cast<std::ptrdiff_t>(taken));
    if (error == beast::error::need_more) {
      if (!response->is_header_done() && unread.size() > http_header_bytes_max) {
        return failure(HttpError::header_too_large);
      }
      return {};
    }
    if (error == beast::error::header_limit) return failure(HttpError::header_too_large);
    if (error == beast::error::body_limit) return failure(HttpError::body_too_large);
    if (error) return failure(HttpError::not_http);
    if (taken == 0) return {};
  }
  return {};
}

// True if this is the answer; false if it only was an interim one (RFC 9110, section 15.2) and parsing goes on.
Result<bool, HttpError> HttpAnswer::Parser::complete() {
  const unsigned status = response->get().result_int();
  if (status == 101) {
    const auto protocol = response->get()[beast::field::upgrade];
    if (upgrade.empty() || !equal_in_any_case({protocol.data(), protocol.size()}, upgrade)) {
      return failure(HttpError::unexpected_upgrade);
    }
    return true;
  }
  if (status >= 200) return true;
  if (++interim > http_interim_max) return failure(HttpError::not_http);
  begin();
  return false;
}

Result<void, HttpError> HttpAnswer::end() {
  if (parser_->response->is_done()) return {};
  if (!parser_->response->got_some()) return failure(HttpError::cut_short);
  boost::system::error_code error;
  parser_->response->put_eof(error);
  if (error || !parser_->response->is_done()) return failure(HttpError::cut_short);
  return {};
}

int HttpAnswer::status() const {
  return static_cast<int>(parser_->response->get().result_int());
}

std::optional<std::string> HttpAnswer::field(std::string_view name) const {
  const auto& fields = parser_->response->get();
  const auto found = fields.find(boost::string_view(name.data(), name.size()));
  if (found == fields.end()) return std::nullopt;
  return std::string(found->value().data(), found->value().size());
}

std::string_view HttpAnswer::body() const {
  return parser_->response->get().body();
}

Bytes HttpAnswer::leftover() const {
  return parser_->unread;
}

}  // namespace quoin::http
