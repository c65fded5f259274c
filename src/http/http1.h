// HTTP/1.1 as far as a node needs it: one GET, or one request that upgrades the connection (RFC 9110, section 7.8; RFC
// 9112). Bytes in, values out: it owns no connection. Boost.Beast's parser does the parsing, in http1.cc alone.
//
// What follows the blank line of a 101 is already the new protocol. Servers send both in one segment, so those bytes
// come out as leftover() and must be fed to the new protocol first.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace quoin::http {

enum class HttpError : std::uint8_t {
  bad_request,         // a part of our request has a character that would break it
  not_http,            // the answer is not HTTP/1.1
  header_too_large,    // over http_header_bytes_max
  body_too_large,      // over http_body_bytes_max
  cut_short,           // the connection ended inside the answer
  unexpected_upgrade,  // 101 to a request that did not ask for it, or to another protocol
};

constexpr std::size_t http_header_bytes_max = 16 * 1024;
constexpr std::size_t http_body_bytes_max = 64 * 1024;
constexpr std::size_t http_interim_max = 8;  // 1xx answers before the real one

struct HttpField {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // "/key?v=130"
  std::string host = "";     // as the Host field has it, with the port if it is not the scheme's own
  std::string upgrade = "";  // the protocol to change to; empty for an ordinary request
  std::vector<HttpField> fields = {};
};

// The request's bytes, without a body.
Result<std::string, HttpError> http_request(const HttpRequest& request);

// "example.com", "example.com:8443", "[2001:db8::1]:8443".
std::string http_host(std::string_view host, std::uint16_t port, std::uint16_t usual_port);

// Parses the answer to one request.
class HttpAnswer {
 public:
  explicit HttpAnswer(std::string upgrade = "");  // what the request asked to change to
  ~HttpAnswer();
  HttpAnswer(HttpAnswer&&) noexcept;
  HttpAnswer& operator=(HttpAnswer&&) noexcept;

  // True once the answer is complete; what comes after it is leftover. To be fed until then or until an error.
  Result<bool, HttpError> feed(Bytes bytes);
  Result<void, HttpError> end();  // the connection ended; that completes an answer without a length

  // Of a complete answer.
  int status() const;
  bool upgraded() const { return status() == 101; }
  std::optional<std::string> field(std::string_view name) const;  // the first one of that name, in any case
  std::string_view body() const;
  Bytes leftover() const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace quoin::http
