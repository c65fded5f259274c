// Reads along on an FTP control connection: what a device answers when it is asked where it waits for a data
// connection.
//
//     229 Entering Extended Passive Mode (|||50003|)          RFC 2428, section 3: the address is the control
//     connection's 227 Entering Passive Mode (192,168,77,22,195,83)        RFC 959, section 4.1.2: an address and p1 *
//     256 + p2
//
// The engineer cannot reach the address of a 227; it is replaced by the device's address in the overlay, whatever
// address the device named, so that a device cannot send the engineer's client to anybody else (RFC 2577, section 3).
// A port counts only in the first reply behind a PASV or EPSV that was sent. That keeps a device from naming ports
// nobody asked for; it is no guard, since whoever sends both commands and file names can make a device print such a
// reply: which ports are opened, the gate decides by itself.
//
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
  void sent(Bytes to_device);  // what the engineer says, before the device can have answered it
  Passed handle(Bytes from_device);
  Buffer finish();  // the device's stream has ended: what was held back
  bool is_transparent() const { return is_transparent_; }

 private:
  static constexpr std::size_t command_bytes_max = 8;  // of a command line, as much as tells it

  enum class Asked : std::uint8_t { nothing, passive, extended_passive };

  void command_ended();
  void line_ended(Passed& passed);
  bool may_become_227() const;

  std::optional<IpAddress> overlay_ipv4_;
  std::string line_;        // so far, up to line_bytes_max
  std::size_t passed_ = 0;  // how much of it the engineer has
  bool is_too_long_ = false;
  std::string ends_with_;  // a reply of several lines goes on until a line that begins so: "230 "
  bool is_transparent_ = false;
  std::string command_;           // so far, up to command_bytes_max and one byte
  Asked asked_ = Asked::nothing;  // and not answered
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
