#include "named_files.h"

#include <optional>
#include <utility>

#include "base/secret.h"
#include "gate/join_key.h"
#include "io/files.h"

namespace quoin::apps {
namespace {

constexpr std::size_t join_key_bytes_max = 1024;
constexpr std::size_t proxy_password_bytes_max = 1024;

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

Result<io::Descriptor, std::string> open_roots(const std::string& key, const std::optional<std::string>& chosen) {
  auto file = io::open_for_reading(chosen.value_or(io::system_roots_path), io::FileTrust::ours_linked);
  if (file) return std::move(*file);
  if (chosen) return failure(key + ": " + file.error().text);
  const bool is_missing = file.error().error == io::FileError::missing;
  return failure(key + " is not set, and " + file.error().text + (is_missing ? ", or install ca-certificates" : ""));
}

}  // namespace

Result<void, std::string> look_at_named_files(const gate::Config& config) {
  TRY(open_control_roots(config));
  TRY(open_relay_roots(config));
  TRY(read_join_key(config.control));
  if (config.proxy) TRY(proxy_authorization(*config.proxy));
  return {};
}

Result<SecretText, std::string> read_join_key(const gate::ControlConfig& config) {
  auto content = io::read_file(config.join_key_file, join_key_bytes_max, io::FileTrust::secret);
  if (!content) return failure("control.join_key_file: " + content.error().text);
  SecretText key(trimmed(text_of(*content)));
  wipe(*content);
  if (gate::is_join_key(key.text)) return key;
  return failure("control.join_key_file: " + config.join_key_file +
                 " does not hold a key; put the control server's key, and nothing else, into it");
}

Result<SecretText, std::string> proxy_authorization(const gate::ProxyConfig& config) {
  if (config.user.empty()) return SecretText({});
  if (!config.password_file) return SecretText(gate::basic_authorization(config.user, config.password.value_or("")));
  auto content = io::read_file(*config.password_file, proxy_password_bytes_max, io::FileTrust::secret);
  if (!content) return failure("proxy.password_file: " + content.error().text);
  std::string_view password = text_of(*content);
  while (password.ends_with('\n') || password.ends_with('\r')) password.remove_suffix(1);
  const bool can_be = gate::is_proxy_secret(password);
  SecretText out(can_be ? gate::basic_authorization(config.user, password) : std::string());
  wipe(*content);
  if (can_be) return out;
  return failure("proxy.password_file: " + *config.password_file +
                 " does not hold a password; put it, and nothing else, on one line");
}

Result<io::Descriptor, std::string> open_control_roots(const gate::Config& config) {
  return open_roots("control.ca_file", config.control.ca_file);
}

Result<io::Descriptor, std::string> open_relay_roots(const gate::Config& config) {
  return open_roots("relay.ca_file", config.relay.ca_file);
}

}  // namespace quoin::apps
