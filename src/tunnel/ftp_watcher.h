// Reads along what a device says on an FTP control connection: where it waits for a data connection.
//
//     229 Entering Extended Passive Mode (|||50003|)          RFC 2428, section 3: the address is the control
//     connection's 227 Entering Passive Mode (192,168,77,22,195,83)        RFC 959, section 4.1.2: an address and p1 *
//     256 + p2
//
// The engineer cannot reach the address of a 227; it is replaced by the device's address in the overlay, whatever
// address the device named, so that a device cannot send the engineer's client to anybody else (RFC 2577, section 3).
// Everything else passes byte by byte as it came. Held back is only what may still become a 227 reply, at most
// line_bytes_max of it. A line inside a reply of several lines is text, not a reply (RFC 959, section 4.2).
//
// After 234, the answer to AUTH, comes TLS (RFC 4217, section 4): from there on nothing is looked at, so the data
// connections of a protected control connection are not known. Nor do those of active mode (PORT, EPRT) concern it:
// nothing is ever connected from the device's side.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"

namespace quoin::tunnel {

class FtpWatcher {
 public:
  static constexpr std::size_t line_bytes_max = 512;

  // Without an IPv4 address in the overlay a 227 reply stays as it is.
  explicit FtpWatcher(std::optional<IpAddress> overlay_ipv4) : overlay_ipv4_(overlay_ipv4) {}

  struct Passed {
    Buffer bytes;                      // for the engineer
    std::vector<std::uint16_t> ports;  // announced, in order; none is 0
  };
  Passed handle(Bytes from_device);
  Buffer finish();  // the device's stream has ended: what was held back
  bool is_transparent() const { return is_transparent_; }

 private:
  void line_ended(Passed& passed);
  bool may_become_227() const;

  std::optional<IpAddress> overlay_ipv4_;
  std::string line_;        // so far, up to line_bytes_max
  std::size_t passed_ = 0;  // how much of it the engineer has
  bool is_too_long_ = false;
  std::string ends_with_;  // a reply of several lines goes on until a line that begins so: "230 "
  bool is_transparent_ = false;
};

// What a line says, without its end; nothing if it does not say it.
std::optional<std::uint16_t> extended_passive_port(std::string_view line);
struct PassiveReply {
  std::size_t at;      // where "h1,h2,h3,h4" stands
  std::size_t length;  // and how long it is
  std::uint16_t port;
};
std::optional<PassiveReply> passive_reply(std::string_view line);

}  // namespace quoin::tunnel
