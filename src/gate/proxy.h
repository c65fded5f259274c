// The HTTP proxy through which control and relay connections leave a site that lets nothing else out: where it is, who
// it knows the agent as, and for whom it is passed by.
//
// It comes from the table [proxy], or, where there is none, from the environment as other programs read it: https_proxy
// or HTTPS_PROXY, and no_proxy or NO_PROXY. Only http:// proxies are spoken to; what goes through them is TLS, or Noise
// to a pinned key, so they see names and amounts only. User and password are the gate's: no tunnel, log, record or
// status has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"

namespace quoin::gate {

// Hosts that are reached directly. "example.com" is that host and those under it, ".example.com" only those under it,
// "10.0.0.0/8" or "10.1.2.3" an address by its number (no name is resolved to find out), "*" everything.
class ProxyExceptions {
 public:
  static constexpr std::size_t entries_max = 64;

  bool add(std::string_view entry);  // false if it is none of these
  bool has(std::string_view host) const;
  bool has(const IpAddress& address) const { return everything_ || contains(prefixes_, address); }

 private:
  std::vector<std::string> names_;  // in lower case
  std::vector<Prefix> prefixes_;
  bool everything_ = false;
};

struct ProxyConfig {
  std::string host;  // a name in lower case, or an address without brackets
  std::uint16_t port = 0;
  std::string user;                          // empty: it asks for none
  std::optional<std::string> password;       // from the URL
  std::optional<std::string> password_file;  // instead
  ProxyExceptions none_for;
  std::vector<std::string> by_name = {};  // relays that it is asked for by name; in lower case
  std::string named_in = "proxy.url";     // or "the environment's https_proxy"

  static constexpr std::size_t secret_bytes_max = 255;  // of user, and of password

  std::string url() const;  // without user and password
  std::optional<IpAddress> address() const { return IpAddress::parse(host); }
  bool takes_by_name(std::string_view host) const;

  static constexpr std::size_t by_name_max = 64;
};

// "http://user:password@proxy.example.com:3128"; user and password with %XX for what cannot stand there; without a port
// it is 80. The error is a sentence that goes on from "proxy.url", and never has the URL's text, which may hold a
// password.
Result<ProxyConfig, std::string> parse_proxy_url(std::string_view url);

struct ProxyVariables {          // of the environment; empty where unset
  std::string https_proxy_name;  // as it was found: the one in lower case counts first
  std::string https_proxy;
  std::string no_proxy;
};
// Nothing if the environment names no proxy. Entries of no_proxy that are not understood are passed over, as other
// programs do. The error is a whole sentence.
Result<std::optional<ProxyConfig>, std::string> proxy_of(const ProxyVariables& variables);

bool is_proxy_secret(std::string_view text);  // not empty, no control characters, not over secret_bytes_max

// What Proxy-Authorization has to say: "Basic ..." (RFC 7617).
std::string basic_authorization(std::string_view user, std::string_view password);

// "relay.example.com:443", "[2001:db8::1]:443".
std::string connect_target(std::string_view host, std::uint16_t port);

}  // namespace quoin::gate
