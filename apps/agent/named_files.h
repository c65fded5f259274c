// The files that the configuration names: the join key, and the roots that servers' certificates are checked against.
// They are opened anew each time they are needed, so that they can be exchanged while the agent runs. Each error is a
// sentence that names the key of the configuration.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "base/secret.h"
#include "gate/config.h"
#include "io/descriptor.h"

namespace quoin::apps {

// Whoever writes the configuration hears when the agent starts what is wrong with them.
Result<void, std::string> look_at_named_files(const gate::Config& config);

struct SecretText {  // is wiped where it ends
  explicit SecretText(std::string secret) : text(std::move(secret)) {}
  SecretText(SecretText&& other) noexcept : text(std::exchange(other.text, {})) {}
  ~SecretText() { wipe(std::as_writable_bytes(std::span(text))); }
  std::string text;
};

Result<SecretText, std::string> read_join_key(const gate::ControlConfig& config);
// The value of Proxy-Authorization; empty for a proxy without a user.
Result<SecretText, std::string> proxy_authorization(const gate::ProxyConfig& config);
Result<io::Descriptor, std::string> open_control_roots(const gate::Config& config);
Result<io::Descriptor, std::string> open_relay_roots(const gate::Config& config);

}  // namespace quoin::apps
