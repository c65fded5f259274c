#include "http/http_connect.h"

#include <algorithm>
#include <cassert>

namespace quoin::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_with_in_any_case(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && std::ranges::equal(text.substr(0, with.size()), with, {}, lower, lower);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "HTTP/1.1 200 Connection established"; the words may be missing. 0 if it is none.
int status_of(std::string_view line) {
  constexpr std::string_view version = "HTTP/1.";
  if (!line.starts_with(version)) return 0;
  line.remove_prefix(version.size());
  if (line.size() < 5 || !is_digit(line[0]) || line[1] != ' ') return 0;
  if (line.size() > 5 && line[5] != ' ') return 0;
  if (!std::ranges::all_of(line.substr(2, 3), is_digit) || line[2] < '1' || line[2] > '5') return 0;
  return (line[2] - '0') * 100 + (line[3] - '0') * 10 + (line[4] - '0');
}

// A scheme stands at the start of the value or behind a comma; the parameters of another one may hold anything, in
// quotes too, but only a scheme can be taken for one (RFC 9110, section 11.6.1).
bool names_basic(std::string_view value) {
  constexpr std::string_view basic = "basic";
  bool at_start = true;
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); i++) {
    const char c = value[i];
    if (quoted) {
      if (c == '\\') i++;
      quoted = c != '"';
      continue;
    }
    if (c == ' ' || c == '\t') continue;
    if (at_start && starts_with_in_any_case(value.substr(i), basic)) {
      const std::string_view rest = value.substr(i + basic.size());
      if (rest.empty() || rest.front() == ' ' || rest.front() == ',') return true;
    }
    quoted = c == '"';
    at_start = c == ',';
  }
  return false;
}

bool breaks_a_line(char c) {
  return c <= ' ' || c == '\x7f';
}

}  // namespace

std::string http_connect_request(std::string_view target, std::string_view authorization) {
  assert(!target.empty() && std::ranges::none_of(target, breaks_a_line));
  assert(std::ranges::none_of(authorization, [](char c) { return c != ' ' && breaks_a_line(c); }));
  std::string out = "CONNECT ";
  out.append(target).append(" HTTP/1.1\r\nHost: ").append(target).append("\r\n");
  if (!authorization.empty()) out.append("Proxy-Authorization: ").append(authorization).append("\r\n");
  return out += "\r\n";
}

Result<std::size_t, HttpConnectError> HttpConnectAnswer::feed(Bytes bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !complete_) {
    if (++bytes_ > bytes_max) return failure(HttpConnectError::too_large);
    const char c = static_cast<char>(bytes[taken++]);
    if (c != '\n') {
      line_ += c;
    } else {
      TRY(end_line());
      line_.clear();
    }
  }
  return taken;
}

Result<void, HttpConnectError> HttpConnectAnswer::end_line() {
  if (line_.ends_with('\r')) line_.pop_back();
  if (status_ == 0) {
    status_ = status_of(line_);
    if (status_ == 0 || status_ == 101) return failure(HttpConnectError::not_http);
    return {};
  }
  if (line_.empty()) {
    if (status_ >= 200) {
      complete_ = true;
    } else {
      status_ = 0;  // the real answer follows
    }
    return {};
  }
  if (line_.front() == ' ' || line_.front() == '\t') return {};  // a folded line goes on with the one before it
  const std::size_t colon = line_.find(':');
  if (colon == std::string::npos || colon == 0) return failure(HttpConnectError::not_http);
  constexpr std::string_view field = "proxy-authenticate:";
  if (starts_with_in_any_case(line_, field) && names_basic(std::string_view(line_).substr(field.size()))) {
    offers_basic_ = true;
  }
  return {};
}

}  // namespace quoin::http
