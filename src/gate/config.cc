// The only file that includes toml++. Each key is read by one function that knows its type; what it says when the type
// is wrong is written for the person who typed it.
#include "gate/config.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#define TOML_MAX_NESTED_VALUES 16
#include <algorithm>
#include <initializer_list>

#include <toml++/toml.h>

#include "gate/control_url.h"
#include "gate/dial_guard.h"
#include "gate/duration_text.h"
#include "gate/engineers.h"
#include "gate/lock.h"
#include "pair/text.h"

namespace quoin::gate {
namespace {

constexpr std::size_t socket_path_bytes_max = 107;  // sun_path, less its NUL
constexpr std::size_t path_bytes_max = 1024;
constexpr std::size_t allow_entries_max = 64;

std::string quoted(std::string_view text) {
  return "\"" + pair::printable(text, 80) + "\"";
}

// One value, with what is needed to complain about it.
struct Place {
  std::size_t line = 0;
  std::string key;

  std::unexpected<ConfigError> refuse(std::string sentence) const {
    return failure(ConfigError{.file = {}, .line = line, .key = key, .sentence = std::move(sentence)});
  }
};

Place place_of(const toml::node& node, std::string key) {
  return {node.source().begin.line, std::move(key)};
}

struct Text {
  Place place;
  std::string value;
};
struct TextList {
  Place place;
  std::vector<Text> entries;
};

Result<Text, ConfigError> text_of_node(const toml::node& node, std::string key, std::size_t bytes_max) {
  Place place = place_of(node, std::move(key));
  const auto* text = node.as_string();
  if (text == nullptr) return place.refuse("must be a text in quotes.");
  const std::string& value = text->get();
  if (value.empty()) return place.refuse("is empty.");
  if (value.size() > bytes_max) return place.refuse("is longer than " + std::to_string(bytes_max) + " bytes.");
  if (!pair::is_printable(value)) return place.refuse("holds control characters.");
  return Text{std::move(place), value};
}

// One table of the file: finds keys, and refuses those that nobody asks for.
class Section {
 public:
  Section(const toml::table& table, std::string name) : table_(table), name_(std::move(name)) {}

  Result<void, ConfigError> only(std::initializer_list<std::string_view> known) const {
    const toml::node* first = nullptr;
    std::string name;
    for (const auto& [key, node] : table_) {
      if (std::ranges::find(known, key.str()) != known.end()) continue;
      if (first != nullptr && first->source().begin.line <= node.source().begin.line) continue;
      first = &node;
      name = pair::printable(key.str(), 80);
    }
    if (first == nullptr) return {};
    std::string names;
    for (const std::string_view each : known) names += (names.empty() ? "" : ", ") + std::string(each);
    return place_of(*first, key_named(name)).refuse("is not known here; what can stand here is " + names + ".");
  }

  Result<std::optional<Text>, ConfigError> text(std::string_view key, std::size_t bytes_max = path_bytes_max) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::optional<Text>();
    return TRY(text_of_node(*node, key_named(key), bytes_max));
  }
  Result<Text, ConfigError> required_text(std::string_view key, std::string_view otherwise) const {
    auto found = TRY(text(key));
    if (!found) return here(key).refuse("is missing; " + std::string(otherwise));
    return *std::move(found);
  }
  Result<std::optional<TextList>, ConfigError> texts(std::string_view key, std::size_t entries_max) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::optional<TextList>();
    TextList list{place_of(*node, key_named(key)), {}};
    const toml::array* array = node->as_array();
    if (array == nullptr) return list.place.refuse("must be a list of texts, such as [\"...\", \"...\"].");
    if (array->size() > entries_max) {
      return list.place.refuse("has more than " + std::to_string(entries_max) + " entries.");
    }
    for (const toml::node& entry : *array) {
      list.entries.push_back(TRY(text_of_node(entry, key_named(key), path_bytes_max)));
    }
    return std::optional(std::move(list));
  }

  // The place of a key that is not there.
  Place here(std::string_view key) const { return place_of(table_, key_named(key)); }
  const toml::table& table() const { return table_; }

 private:
  std::string key_named(std::string_view key) const {
    return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
  }

  const toml::table& table_;
  std::string name_;
};

class ConfigReader {
 public:
  ConfigReader(const toml::table& root, std::string_view file) : root_(root, "") {
    const std::size_t slash = file.rfind('/');
    if (slash != std::string_view::npos) folder_ = file.substr(0, slash + 1);
  }

  Result<Config, ConfigError> read() {
    TRY(root_.only({"state_dir", "socket", "control", "relay", "warrant", "device"}));
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
    config.warrant = TRY(warrant());
    config.devices = TRY(devices());
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

  Result<RelayConfig, ConfigError> relay() const {
    RelayConfig out;
    const toml::table* found = TRY(table("relay"));
    if (found == nullptr) return out;
    const Section section(*found, "relay");
    TRY(section.only({"ca_file", "allow"}));
    if (const auto ca = TRY(section.text("ca_file"))) out.ca_file = resolved(ca->value);
    if (const auto allow = TRY(section.texts("allow", allow_entries_max))) {
      for (const Text& entry : allow->entries) {
        const auto prefix = Prefix::parse(entry.value);
        if (!prefix) {
          return entry.place.refuse(quoted(entry.value) +
                                    " is not an address block such as 10.1.2.3/32 (bits after the "
                                    "prefix must be zero).");
        }
        if (prefix->length() < (prefix->network().is_v4() ? 8 : 32)) {
          return entry.place.refuse(quoted(entry.value) + " is too wide to vouch for; name the relays' own addresses.");
        }
        out.allow.push_back(*prefix);
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

  Result<std::vector<DeviceConfig>, ConfigError> devices() const {
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
    for (const toml::node& each : *array) out.push_back(TRY(device(Section(*each.as_table(), "device"), out)));
    return out;
  }

  static Result<DeviceConfig, ConfigError> device(const Section& section, const std::vector<DeviceConfig>& earlier) {
    TRY(section.only({"name", "address", "mac"}));
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
    if (const auto refusal = guard_address(*parsed)) return address.place.refuse(sentence_of(*refusal, *parsed) + ".");
    out.address = *parsed;
    const Text mac =
        TRY(section.required_text("mac", "copy it from the device's network page; it is checked at open."));
    const auto hardware = MacAddress::parse(mac.value);
    if (!hardware || !hardware->is_one_device()) {
      return mac.place.refuse(quoted(mac.value) + " is not the MAC address of one device, such as 02:da:00:00:4d:15.");
    }
    out.mac = *hardware;
    for (const DeviceConfig& other : earlier) {
      if (other.name == out.name) return name.place.refuse("is used by an earlier device too; names must differ.");
      if (other.address == out.address) {
        return address.place.refuse("is the address of device " + other.name + " too; addresses must differ.");
      }
    }
    return out;
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
