// What a control server answers to GET /key: its long-lived public key (ts2021).
//
//     {"legacyPublicKey":"mkey:...","publicKey":"mkey:..."}
//
// Only publicKey counts. A server from before ts2021 answers with a bare hexadecimal key, which is refused like any
// other text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/keys.h"

namespace quoin::control {

std::optional<crypto::MachinePublicKey> parse_key_page(std::string_view body);
std::string key_page(const crypto::MachinePublicKey& key);

}  // namespace quoin::control
