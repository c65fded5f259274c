// Each key is read by one function that knows its type; what it says when the type is wrong is written for the person
// who typed it.
#include "gate/config.h"

#include <algorithm>
#include <charconv>

#include "gate/config_section.h"
#include "gate/control_url.h"
#include "gate/dial_guard.h"
#include "gate/duration_text.h"
#include "gate/engineers.h"
#include "gate/lock.h"
#include "pair/serial_question.h"
#include "pair/text.h"

namespace quoin::gate {
namespace {

constexpr std::size_t socket_path_bytes_max = 107;  // sun_path, less its NUL
constexpr std::size_t allow_entries_max = 64;

// "64KiB", "1GiB": a number of six digits at most, and its unit.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const int shift = unit == "KiB" ? 10 : unit == "MiB" ? 20 : unit == "GiB" ? 30 : -1;
  if (error != std::errc{} || number > 999'999 || shift < 0) return std::nullopt;
  return number << shift;
}

class ConfigReader {
 public:
  ConfigReader(const toml::table& root, std::string_view file) : root_(root, "") {
    const std::size_t slash = file.rfind('/');
    if (slash != std::string_view::npos) folder_ = file.substr(0, slash + 1);
  }

  Result<Config, ConfigError> read() {
    TRY(root_.only({"state_dir", "socket", "control", "relay", "proxy", "warrant", "audit", "site", "device"}));
    Config config;
    if (const auto path = TRY(root_.text("state_dir"))) config.state_dir = resolved(path->value);
    if (const auto path = TRY(root_.text("socket"))) {
      config.socket = resolved(path->value);
      if (config.socket.size() > socket_path_bytes_max) {
        return path->place.refuse("is longer than the " + std::to_string(socket_path_bytes_max) +
                                  " bytes that a socket's path may have; use a shorter one.");
      }
    }
    config.control = TRY(control());
    config.relay = TRY(relay());
    config.proxy = TRY(proxy());
    config.warrant = TRY(warrant());
    config.audit = TRY(audit());
    config.site = TRY(site());
    config.devices = TRY(devices(config.site));
    return config;
  }

 private:
  Result<const toml::table*, ConfigError> table(std::string_view name) const {
    const toml::node* node = root_.table().get(name);
    if (node == nullptr) return nullptr;
    if (const toml::table* found = node->as_table()) return found;
    return place_of(*node, std::string(name)).refuse("must be a table, written [" + std::string(name) + "].");
  }

  Result<ControlConfig, ConfigError> control() const {
    const toml::table* found = TRY(table("control"));
    if (found == nullptr) {
      return Place{0, "control"}.refuse("is missing; add a table [control] with url and join_key_file.");
    }
    const Section section(*found, "control");
    TRY(section.only({"url", "ca_file", "server_key", "join_key_file"}));
    ControlConfig out;
    const Text url = TRY(section.required_text("url", "set it to https://HOST:PORT of the control server."));
    auto parsed = parse_control_url(url.value);
    if (!parsed) {  // what stands before an @ may be a password
      const bool may_be_said = url.value.find('@') == std::string::npos;
      return url.place.refuse((may_be_said ? quoted(url.value) + " " : "") + parsed.error() + ".");
    }
    out.tls = parsed->tls;
    out.host = std::move(parsed->host);
    out.port = parsed->port;
    if (const auto address = out.address();
        address && (is_unspecified(*address) || is_multicast(*address) || is_limited_broadcast(*address))) {
      return url.place.refuse("names an address that is not one server's.");
    }
    if (const auto ca = TRY(section.text("ca_file"))) out.ca_file = resolved(ca->value);
    if (const auto key = TRY(section.text("server_key"))) {
      out.server_key = crypto::MachinePublicKey::parse(key->value);
      if (!out.server_key || out.server_key->is_zero()) {
        return key->place.refuse("must be the control server's key, \"mkey:\" and 64 hexadecimal digits.");
      }
    }
    if (!out.tls && !out.server_key) {
      return url.place.refuse("is plain http, which is taken only with control.server_key; use https, or pin the key.");
    }
    if (!out.tls && out.ca_file) {
      return section.here("ca_file").refuse("has no meaning with plain http; remove it, or use https in control.url.");
    }
    out.join_key_file = resolved(
        TRY(section.required_text("join_key_file", "name the file that holds the control server's reusable key."))
            .value);
    return out;
  }

  // None wider than so many bits.
  static Result<Prefix, ConfigError> network_in(const Text& entry, std::string_view example, int widest_v4,
                                                int widest_v6, std::string_view too_wide_for) {
    const auto prefix = Prefix::parse(entry.value);
    if (!prefix) {
      return entry.place.refuse(quoted(entry.value) + " is not an address block such as " + std::string(example) +
                                " (bits after the prefix must be zero).");
    }
    if (prefix->length() < (prefix->network().is_v4() ? widest_v4 : widest_v6)) {
      return entry.place.refuse(quoted(entry.value) + " is too wide " + std::string(too_wide_for));
    }
    return *prefix;
  }

  Result<RelayConfig, ConfigError> relay() const {
    RelayConfig out;
    const toml::table* found = TRY(table("relay"));
    if (found == nullptr) return out;
    const Section section(*found, "relay");
    TRY(section.only({"ca_file", "allow"}));
    if (const auto ca = TRY(section.text("ca_file"))) out.ca_file = resolved(ca->value);
    if (const auto allow = TRY(section.texts("allow", allow_entries_max))) {
      for (const Text& entry : allow->entries) {
        out.allow.push_back(
            TRY(network_in(entry, "10.1.2.3/32", 8, 32, "to vouch for; name the relays' own addresses.")));
      }
    }
    return out;
  }

  Result<std::optional<ProxyConfig>, ConfigError> proxy() const {
    const toml::table* found = TRY(table("proxy"));
    if (found == nullptr) return std::optional<ProxyConfig>();
    const Section section(*found, "proxy");
    TRY(section.only({"url", "password_file", "none_for", "by_name"}));
    const Text url = TRY(section.required_text("url", "set it to http://HOST:PORT of the proxy, or remove the table."));
    auto parsed = parse_proxy_url(url.value);
    if (!parsed) return url.place.refuse(parsed.error() + ".");
    ProxyConfig out = *std::move(parsed);
    if (const auto file = TRY(section.text("password_file"))) {
      if (out.password) return file->place.refuse("is not needed: proxy.url has a password; remove one of them.");
      if (out.user.empty()) {
        return file->place.refuse("needs a user to belong to; write proxy.url as http://USER@HOST:PORT.");
      }
      out.password_file = resolved(file->value);
    }
    if (const auto hosts = TRY(section.texts("none_for", ProxyExceptions::entries_max))) {
      for (const Text& entry : hosts->entries) {
        if (out.none_for.add(entry.value)) continue;
        return entry.place.refuse(quoted(entry.value) +
                                  " is neither a host name, nor a domain such as .example.com, nor an address block "
                                  "such as 10.0.0.0/8.");
      }
    }
    if (const auto relays = TRY(section.texts("by_name", ProxyConfig::by_name_max))) {
      for (const Text& entry : relays->entries) {
        if (!is_host_name(entry.value)) {
          return entry.place.refuse(quoted(entry.value) + " is not the name of one relay, such as derp.example.com.");
        }
        out.by_name.push_back(lower_case(entry.value));
      }
    }
    return out;
  }

  Result<WarrantConfig, ConfigError> warrant() const {
    WarrantConfig out;
    const toml::table* found = TRY(table("warrant"));
    if (found == nullptr) {
      return Place{0, "warrant"}.refuse("is missing; add a table [warrant] with the engineers who may be let in.");
    }
    const Section section(*found, "warrant");
    TRY(section.only({"longest", "engineers"}));
    if (const auto longest = TRY(section.text("longest"))) {
      const auto duration = parse_duration(longest->value);
      if (!duration)
        return longest->place.refuse(quoted(longest->value) + " is not a duration such as 45s, 30m or 4h.");
      if (*duration <= Duration(0) || *duration > Lock::longest_ever) {
        return longest->place.refuse("must be more than 0s and at most " + duration_text(Lock::longest_ever) + ".");
      }
      out.longest = *duration;
    }
    const auto engineers = TRY(section.texts("engineers", engineers_max));
    if (!engineers || engineers->entries.empty()) {
      const Place place = engineers ? engineers->place : section.here("engineers");
      return place.refuse(
          "names nobody; list login names as the control server shows them, or \"*\" for every person.");
    }
    for (const Text& entry : engineers->entries) {
      if (!is_login(entry.value)) {
        return entry.place.refuse(quoted(entry.value) +
                                  " is not a login name (at most 255 bytes, no spaces, quotes or "
                                  "commas).");
      }
      out.engineers.push_back(entry.value);
    }
    return out;
  }

  Result<AuditConfig, ConfigError> audit() const {
    AuditConfig out;
    const toml::table* found = TRY(table("audit"));
    if (found == nullptr) return out;
    const Section section(*found, "audit");
    TRY(section.only({"file_size"}));
    if (const auto size = TRY(section.text("file_size"))) {
      const auto bytes = parse_size(size->value);
      if (!bytes || *bytes < AuditConfig::file_bytes_smallest || *bytes > AuditConfig::file_bytes_largest) {
        return size->place.refuse(quoted(size->value) + " is not a size from 64KiB to 1GiB, such as 64MiB.");
      }
      out.file_bytes = *bytes;
    }
    return out;
  }

  Result<SiteConfig, ConfigError> site() const {
    SiteConfig out;
    const toml::table* found = TRY(table("site"));
    if (found == nullptr) return out;
    const Section section(*found, "site");
    TRY(section.only({"public_networks"}));
    const auto networks = TRY(section.texts("public_networks", SiteConfig::public_networks_max));
    if (!networks) return out;
    for (const Text& entry : networks->entries) {
      out.public_networks.push_back(TRY(network_in(entry, "192.0.2.0/24", SiteConfig::widest_v4, SiteConfig::widest_v6,
                                                   "to be one site's; name its own networks.")));
    }
    return out;
  }

  Result<std::vector<DeviceConfig>, ConfigError> devices(const SiteConfig& site) const {
    std::vector<DeviceConfig> out;
    const toml::node* node = root_.table().get("device");
    if (node == nullptr) {
      return Place{0, "device"}.refuse(
          "is missing; add a table [[device]] with name, address and mac for each device.");
    }
    const Place place = place_of(*node, "device");
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
      return place.refuse("must be written [[device]], with double brackets, once for each device.");
    }
    if (array->size() > devices_max) {
      return place.refuse("appears more than " + std::to_string(devices_max) + " times.");
    }
    for (const toml::node& each : *array) {
      out.push_back(TRY(device(Section(*each.as_table(), "device"), site, out)));
    }
    return out;
  }

  static Result<DeviceConfig, ConfigError> device(const Section& section, const SiteConfig& site,
                                                  const std::vector<DeviceConfig>& earlier) {
    TRY(section.only({"name", "address", "mac", "serial", "community", "routed_bridge", "ftp"}));
    DeviceConfig out;
    const Text name = TRY(section.required_text("name", "give the device a short name."));
    if (!is_label(name.value)) {
      return name.place.refuse(quoted(name.value) +
                               " must be lower-case letters, digits and hyphens, 63 at most: it "
                               "becomes a host name.");
    }
    out.name = name.value;
    const Text address = TRY(section.required_text("address", "set it to the device's IP address."));
    const auto parsed = IpAddress::parse(address.value);
    if (!parsed) {
      return address.place.refuse(quoted(address.value) +
                                  " is not an IP address; names are not taken, because they can "
                                  "change what they point at.");
    }
    out.has_public_address = !is_private(*parsed) && contains(site.public_networks, *parsed);
    const auto if_public = out.has_public_address ? PublicAddress::vouched_for : PublicAddress::refused;
    if (const auto refusal = guard_address(*parsed, if_public)) {
      return address.place.refuse(sentence_of(*refusal, *parsed) + ".");
    }
    out.address = *parsed;
    TRY(read_identity(section, out));
    out.ftp_passive_ports = TRY(passive_ports(section));
    for (const DeviceConfig& other : earlier) {
      if (other.name == out.name) return name.place.refuse("is used by an earlier device too; names must differ.");
      if (other.address == out.address) {
        return address.place.refuse("is the address of device " + other.name + " too; addresses must differ.");
      }
    }
    return out;
  }

  static Result<PassivePorts, ConfigError> passive_ports(const Section& device) {
    const toml::node* node = device.table().get("ftp");
    if (node == nullptr) return PassivePorts();
    if (!node->is_table()) {
      return place_of(*node, "device.ftp").refuse("must be written ftp.passive_ports = \"49152-65535\".");
    }
    const Section section(*node->as_table(), "device.ftp");
    TRY(section.only({"passive_ports"}));
    const Text range = TRY(section.required_text("passive_ports", "set it to the device's own range of ports."));
    if (const auto parsed = PassivePorts::parse(range.value)) return *parsed;
    return range.place.refuse(quoted(range.value) +
                              " is not a range of ports between 1024 and 65535, such as \"49152-65535\".");
  }

  static Result<void, ConfigError> read_identity(const Section& section, DeviceConfig& out) {
    if (const auto macs = TRY(section.text_or_texts("mac", macs_of_device_max))) {
      if (macs->entries.empty()) return macs->place.refuse("is an empty list.");
      for (const Text& entry : macs->entries) {
        const auto mac = MacAddress::parse(entry.value);
        if (!mac || !mac->is_one_device()) {
          return entry.place.refuse(quoted(entry.value) +
                                    " is not the MAC address of one device, such as 02:da:00:00:4d:15.");
        }
        if (std::ranges::count(out.macs, *mac) > 0) {
          return entry.place.refuse("lists " + mac->text() + " twice; remove one of them.");
        }
        out.macs.push_back(*mac);
      }
    }
    if (const auto serial = TRY(section.text("serial", pair::serial_bytes_max))) {
      if (!pair::is_serial(serial->value)) {
        return serial->place.refuse(quoted(serial->value) +
                                    " must be letters, digits and signs of ASCII, without spaces at its ends: copy it "
                                    "from the device's information page.");
      }
      out.serial = serial->value;
    }
    if (const auto community = TRY(section.text("community", pair::community_bytes_max))) {
      if (!out.serial) return community->place.refuse("has no meaning without serial; remove it, or set the serial.");
      if (!pair::is_community(community->value)) {
        return community->place.refuse("must be letters, digits and signs of ASCII.");
      }
      out.community = community->value;
    }
    if (const toml::node* routed = section.table().get("routed_bridge")) {
      const Place place = place_of(*routed, "device.routed_bridge");
      if (!routed->is_boolean()) return place.refuse("must be true or false.");
      if (out.macs.empty()) return place.refuse("has no meaning without mac; remove it.");
      out.routed_bridge = routed->as_boolean()->get();
    }
    if (!out.macs.empty() || out.serial) return {};
    return section.here("mac").refuse(
        "is missing; copy it from the device's network page, or set serial: one of them is checked at open.");
  }

  std::string resolved(const std::string& path) const { return path.front() == '/' ? path : folder_ + path; }

  Section root_;
  std::string folder_;
};

Result<Config, ConfigError> parse(std::string_view text, std::string_view file) {
  if (text.size() > config_bytes_max) return Place{}.refuse("The file is larger than 256 KiB.");
  const toml::parse_result result = toml::parse(text);
  if (!result) {
    const std::size_t line = result.error().source().begin.line;
    return Place{line, ""}.refuse("This is not TOML: " + pair::printable(result.error().description(), 200) + ".");
  }
  return ConfigReader(result.table(), file).read();
}

}  // namespace

std::string ControlConfig::url() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (tls ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

const DeviceConfig* Config::device(std::string_view name) const {
  const auto found = std::ranges::find(devices, name, &DeviceConfig::name);
  return found == devices.end() ? nullptr : &*found;
}

std::vector<std::string> Config::device_names() const {
  std::vector<std::string> names;
  for (const DeviceConfig& device : devices) names.push_back(device.name);
  return names;
}

std::string ConfigError::text() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line);
  out += ": ";
  if (!key.empty()) out += key + " ";
  return out + sentence;
}

Result<Config, ConfigError> parse_config(std::string_view text, std::string_view file) {
  auto config = parse(text, file);
  if (!config) config.error().file = file;
  return config;
}

}  // namespace quoin::gate
