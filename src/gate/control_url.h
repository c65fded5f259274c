// Where the control server is: https://NAME-OR-ADDRESS[:PORT], nothing behind it. Plain http is told apart here and
// allowed elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace quoin::gate {

struct ControlUrl {
  bool tls;
  std::string host;  // a name in lower case, or an address without brackets
  std::uint16_t port;
};

// The error is a sentence.
Result<ControlUrl, std::string> parse_control_url(std::string_view text);

std::string lower_case(std::string_view name);  // of its ASCII letters

// A host name of letters, digits and hyphens (RFC 1123, section 2.1). A name whose last label starts with a digit is
// none: resolvers take "127.1" and "0x7f.0.0.1" for addresses.
bool is_host_name(std::string_view text);
bool is_label(std::string_view text);  // one such label, in lower case

}  // namespace quoin::gate
