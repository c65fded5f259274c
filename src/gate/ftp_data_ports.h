// Which ports of a device are opened for the data connections of FTP (RFC 959, section 5.1, PASV; RFC 2428, EPSV).
//
// Where such a connection goes is what the device says, or what a tunnel says that it said; both can be made to say
// anything, so neither is what decides. A port is opened if the person at the agent has it among the device's
// `ftp.passive_ports`, and nothing that prints or is configured over is known to listen there. Each announcement is for
// one connection of one engineer within ten seconds, and an engineer's announcements are paced.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "crypto/keys.h"
#include "gate/budget.h"
#include "pair/ftp_ports.h"

namespace quoin::gate {

struct PassivePorts {           // both ends included
  std::uint16_t first = 49152;  // the ports that nobody can register (RFC 6335, section 6)
  std::uint16_t last = 65535;

  static std::optional<PassivePorts> parse(std::string_view text);  // "49152-65535", or one port; none below 1024
  bool has(std::uint16_t port) const { return first <= port && port <= last; }
  bool operator==(const PassivePorts&) const = default;
};

// Never one for data, whatever range is configured: ports of the named services, ports that print, and those below
// 1024.
bool is_kept_from_ftp_data(std::uint16_t port);

class FtpDataPorts {
 public:
  // Announcements of one engineer: a connection for each of many small files goes on, a search of the ports does not
  // come far.
  static constexpr std::uint64_t burst = 32;
  static constexpr std::uint64_t per_second = 4;

  explicit FtpDataPorts(const PassivePorts& passive) : passive_(passive) {}

  enum class Announced : std::uint8_t { taken, not_passive, too_many };
  Announced announce(const crypto::NodePublicKey& node, const std::string& engineer, std::uint16_t port, Instant now);
  bool take(const crypto::NodePublicKey& node, std::uint16_t port, Instant now) {  // true once
    return ports_.take(node, port, now);
  }

 private:
  PassivePorts passive_;
  pair::FtpPorts ports_;
  std::map<std::string, Budget> budgets_;  // by engineer: those who were admitted
};

}  // namespace quoin::gate
