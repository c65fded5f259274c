// Message authentication codes and cookies (WireGuard paper, sections 5.4.4 and 5.4.7).
//
// mac1 shows that a sender knows the receiver's public key; without it nothing is even looked at. Under load mac2 is
// needed as well: it is made with a cookie that the receiver computes from the sender's address and a secret that lives
// two minutes, so it shows that the sender really is where its messages come from. The receiver keeps no state for it.
#pragma once

#include <array>
#include <optional>

#include "base/random.h"
#include "base/secret.h"
#include "base/time.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "wireguard/messages.h"
#include "wireguard/source.h"

namespace quoin::wireguard {

constexpr Duration cookie_secret_time = seconds(120);
constexpr Duration cookie_latency = seconds(5);  // a cookie is used that much shorter than its secret lives

using Mac = std::array<std::byte, mac_bytes>;

// What both sides derive from a public key: HASH(label || key).
crypto::Hash mac1_key(const crypto::NodePublicKey& receiver);
crypto::Hash cookie_key(const crypto::NodePublicKey& receiver);

// The receiver of handshakes.
class CookieChecker {
 public:
  CookieChecker(const crypto::NodePublicKey& self, Random& random);

  // `message` is a whole initiation or response.
  bool mac1_valid(Bytes message) const;
  bool mac2_valid(Bytes message, const Source& from, Instant now);
  CookieReplyBytes reply(Bytes message, SessionIndex sender, const Source& to, Instant now);

 private:
  Secret<mac_bytes> cookie_for(const Source& source, Instant now);

  Random& random_;
  crypto::Hash mac1_key_;
  crypto::AeadKey cookie_key_;
  Secret<32> secret_;
  std::optional<Instant> secret_made_;
};

// The sender of handshakes to one peer.
class CookieHolder {
 public:
  explicit CookieHolder(const crypto::NodePublicKey& peer);

  // Fills in mac1, and mac2 if we have a fresh cookie. `message` is a whole initiation or response.
  void add_macs(MutableBytes message, Instant now);
  // The answer to the last message that add_macs was called with. False if it is not.
  [[nodiscard]] bool consume_reply(const CookieReply& reply, Instant now);
  void erase();

 private:
  crypto::Hash mac1_key_;
  crypto::AeadKey cookie_key_;
  std::optional<Mac> last_mac1_;  // until a cookie answers it
  std::optional<Instant> received_;
  Secret<mac_bytes> cookie_;
};

}  // namespace quoin::wireguard
