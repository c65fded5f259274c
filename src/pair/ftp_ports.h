// The ports on which a device has just announced that it waits for an FTP data connection (RFC 959, section 5.1, PASV;
// RFC 2428, section 3, EPSV). The tunnel reads the announcements and keeps them for its own check of an incoming flow;
// the gate keeps what its tunnel told it in a table of its own.
//
// An announcement is for the engineer whose control connection it came over, for one connection, for ten seconds. Of
// one engineer so many are kept, and his oldest one goes for a new one: whoever announces very much loses what was
// announced first, nobody else does, and nothing grows.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "crypto/keys.h"

namespace quoin::pair {

constexpr std::uint16_t ftp_control_port = 21;
constexpr std::uint16_t ftp_data_port_min = 1024;  // below, a device offers services of other names

class FtpPorts {
 public:
  static constexpr std::size_t open_of_one_max = 16;
  static constexpr Duration lasts = seconds(10);

  void announce(const crypto::NodePublicKey& engineer, std::uint16_t port, Instant now);
  bool has(const crypto::NodePublicKey& engineer, std::uint16_t port, Instant now) const;
  bool take(const crypto::NodePublicKey& engineer, std::uint16_t port, Instant now);  // true once
  std::size_t size() const { return open_.size(); }

 private:
  struct Announcement {
    crypto::NodePublicKey engineer;
    std::uint16_t port;
    Instant until;
  };
  std::vector<Announcement> open_;  // oldest first
};

}  // namespace quoin::pair
