#include "gate/proxy.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/secret.h"
#include "gate/control_url.h"

namespace quoin::gate {
namespace {

bool is_under(std::string_view name, std::string_view domain) {
  return name.size() > domain.size() && name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.';
}

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986, section 2.1.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hexadecimal(text[i + 1]);
    const int low = hexadecimal(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

// ---- exceptions -------------------------------------------------------------------------------------------------

bool ProxyExceptions::add(std::string_view entry) {
  if (names_.size() + prefixes_.size() >= entries_max) return false;
  if (entry == "*") {
    everything_ = true;
    return true;
  }
  if (const auto prefix = Prefix::parse(entry)) {
    prefixes_.push_back(*prefix);
    return true;
  }
  if (!is_host_name(entry.starts_with('.') ? entry.substr(1) : entry)) return false;
  names_.push_back(lower_case(entry));
  return true;
}

bool ProxyExceptions::has(std::string_view host) const {
  if (everything_) return true;
  if (const auto address = IpAddress::parse(host)) return has(*address);
  const std::string name = lower_case(host);
  return std::ranges::any_of(names_, [&](std::string_view entry) {
    return entry.starts_with('.') ? is_under(name, entry.substr(1)) : name == entry || is_under(name, entry);
  });
}

// ---- the URL ----------------------------------------------------------------------------------------------------

std::string ProxyConfig::url() const {
  return "http://" + connect_target(host, port);
}

bool ProxyConfig::takes_by_name(std::string_view name) const {
  return std::ranges::find(by_name, lower_case(name)) != by_name.end();
}

Result<ProxyConfig, std::string> parse_proxy_url(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) {
    const bool other = text.find("://") != std::string_view::npos;
    return failure<std::string>(other ? "names a kind of proxy that is not spoken; only http://HOST:PORT is"
                                      : "must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT");
  }
  text.remove_prefix(scheme.size());
  ProxyConfig out;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = text.substr(0, at);
    text.remove_prefix(at + 1);
    const std::size_t colon = credentials.find(':');
    const auto user = percent_decoded(credentials.substr(0, colon));
    if (!user || !is_proxy_secret(*user) || user->find(':') != std::string::npos) {
      return failure<std::string>("has a user that cannot be: it is empty, too long, or has a colon or a wrong %");
    }
    out.user = *user;
    if (colon != std::string_view::npos) {
      out.password = percent_decoded(credentials.substr(colon + 1));
      if (!out.password || !is_proxy_secret(*out.password)) {
        return failure<std::string>("has a password that cannot be: it is empty, too long, or has a wrong %");
      }
    }
  }
  // The rest is read as the control server's URL is, whose sentences do not repeat what they were given.
  auto where = parse_control_url("http://" + std::string(text));
  if (!where) return failure<std::string>("names no proxy; write http://HOST:PORT, and an @ in a password as %40");
  out.host = std::move(where->host);
  out.port = where->port;
  return out;
}

Result<std::optional<ProxyConfig>, std::string> proxy_of(const ProxyVariables& variables) {
  if (variables.https_proxy.empty()) return std::optional<ProxyConfig>();
  const std::string named_in = "the environment's " + variables.https_proxy_name;
  const bool bare = variables.https_proxy.find("://") == std::string::npos;
  auto proxy = parse_proxy_url((bare ? "http://" : "") + variables.https_proxy);
  if (!proxy) {
    return failure(named_in + " " + proxy.error() + "; correct it, unset it, or name the proxy in a table [proxy]");
  }
  proxy->named_in = named_in;
  for (std::string_view rest = variables.no_proxy; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    static_cast<void>(proxy->none_for.add(trimmed(rest.substr(0, comma))));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return std::optional(*std::move(proxy));
}

bool is_proxy_secret(std::string_view text) {
  return !text.empty() && text.size() <= ProxyConfig::secret_bytes_max &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

std::string basic_authorization(std::string_view user, std::string_view password) {
  std::string both = std::string(user) + ":" + std::string(password);
  std::string out = "Basic " + to_base64(bytes_of(both));
  wipe(std::as_writable_bytes(std::span(both)));
  return out;
}

std::string connect_target(std::string_view host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  return (is_v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + std::to_string(port);
}

}  // namespace quoin::gate
