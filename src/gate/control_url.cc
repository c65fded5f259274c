#include "gate/control_url.h"

#include <algorithm>
#include <charconv>

#include "base/address.h"

namespace quoin::gate {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_part(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_label(std::string_view text) {
  return is_name_part(text) && lower_case(text) == text;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!is_name_part(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return text.front() < '0' || text.front() > '9';
    text.remove_prefix(dot + 1);
  }
}

Result<ControlUrl, std::string> parse_control_url(std::string_view text) {
  ControlUrl url{.tls = text.starts_with("https://"), .host = {}, .port = 0};
  if (!url.tls && !text.starts_with("http://")) return failure<std::string>("must start with https://");
  url.port = url.tls ? 443 : 80;
  text.remove_prefix(url.tls ? 8 : 7);
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find_first_of("/?#@") != std::string_view::npos) {
    return failure<std::string>("must be https://HOST or https://HOST:PORT, with no user and no path");
  }
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (text.front() != '[' || text[colon - 1] == ']')) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  if (has_port) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (port.empty() || error != std::errc{} || end != port.data() + port.size() || url.port == 0) {
      return failure<std::string>("has a port that is not a number from 1 to 65535");
    }
  }
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  const bool written_as_v6 = host.find(':') != std::string_view::npos;
  if (address ? bracketed != written_as_v6 : bracketed || !is_host_name(host)) {
    return failure<std::string>("names no host; write a name, an IPv4 address, or an IPv6 address in brackets");
  }
  url.host = address ? address->text() : lower_case(host);
  return url;
}

}  // namespace quoin::gate
