// The agent's configuration: TOML in, a Config that cannot be wrong out, or one sentence that says what to do, with the
// line and the key.
//
// Pure: it is given the text, and neither reads the files it names nor asks the host about addresses; the edge and the
// dial guard do that later. Everything is refused that is not understood: unknown tables and keys, wrong types, values
// out of range. There is no key that opens anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "gate/dial_guard.h"
#include "gate/ftp_data_ports.h"
#include "gate/mac_address.h"
#include "gate/proxy.h"

namespace quoin::gate {

constexpr std::size_t config_bytes_max = 256 * 1024;
constexpr std::size_t devices_max = 64;
constexpr std::size_t macs_of_device_max = 8;

struct ControlConfig {
  std::string host;  // a name in lower case, or an address without brackets
  std::uint16_t port = 0;
  bool tls = true;                     // plain http is taken only with server_key
  std::optional<std::string> ca_file;  // instead of the system's roots
  std::optional<crypto::MachinePublicKey> server_key;
  std::string join_key_file;

  std::optional<IpAddress> address() const { return IpAddress::parse(host); }
  std::string url() const;
};

struct RelayConfig {
  std::optional<std::string> ca_file;
  std::vector<Prefix> allow;  // private addresses that the person at the agent vouches for: relays, STUN servers, what
                              // control.url's name leads to
};

struct WarrantConfig {
  Duration longest = hours(4);
  std::vector<std::string> engineers;  // at least one
};

// Where devices may stand although the address is public: the person at the agent says that this is their own site.
struct SiteConfig {
  static constexpr std::size_t public_networks_max = 16;
  static constexpr int widest_v4 = 16, widest_v6 = 32;
  std::vector<Prefix> public_networks;
};

struct AuditConfig {
  static constexpr std::uint64_t file_bytes_smallest = 64 * 1024;
  static constexpr std::uint64_t file_bytes_largest = std::uint64_t{1} << 30;
  std::uint64_t file_bytes = 64 * 1024 * 1024;  // that a file may have; then the next one is begun
};

struct DeviceConfig {
  std::string name;  // a DNS label in lower case: it becomes the node's host name
  IpAddress address;
  // Any of them is the device: its cable and its Wi-Fi, or a sleep proxy that answers for it. Some, or a serial; with
  // any it must be on link.
  std::vector<MacAddress> macs = {};
  std::optional<std::string> serial = {};  // as the device tells it by SNMP, trimmed; printable ASCII
  std::string community = "public";        // that it is asked with
  PassivePorts ftp_passive_ports = {};
  bool has_public_address = false;  // in one of site.public_networks
  bool routed_bridge = false;       // what answers for its MAC passes packets on to it as a router does

  // Packets to it may cross no router.
  bool stays_on_link() const { return !macs.empty() && !routed_bridge; }

  bool is_on_own_link() const { return !macs.empty(); }
  KnownBy known_by() const { return macs.empty() ? KnownBy::serial : KnownBy::mac; }
  bool operator==(const DeviceConfig&) const = default;
};

// Asked at open, before each dial, and when the host's interfaces change.
inline std::optional<GuardRefusal> guard_device(const DeviceConfig& device, const HostView& host) {
  return guard_device(device.address, device.known_by(), host,
                      device.has_public_address ? PublicAddress::vouched_for : PublicAddress::refused);
}

struct Config {
  std::string state_dir = "/var/lib/quoin-agent";
  std::string socket = "/run/quoin-agent/agent.sock";
  ControlConfig control;
  RelayConfig relay;
  std::optional<ProxyConfig> proxy;  // for control and relays
  WarrantConfig warrant;
  AuditConfig audit;
  SiteConfig site;
  std::vector<DeviceConfig> devices;  // at least one; names and addresses each once

  const DeviceConfig* device(std::string_view name) const;
  std::vector<std::string> device_names() const;
};

struct ConfigError {
  std::string file;
  std::size_t line = 0;  // 0 where the whole file is meant
  std::string key;       // "control.url"; empty where no key is meant
  std::string sentence;

  std::string text() const;  // "agent.toml:7: control.url is missing; ..."
};

// Relative paths are taken relative to the folder of `file`; `file` itself is not opened.
Result<Config, ConfigError> parse_config(std::string_view text, std::string_view file);

}  // namespace quoin::gate
