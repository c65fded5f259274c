// Authentic initiations from keys that are not peers yet.
//
// A peer's first packets can arrive before the owner has heard of the peer, and the peer repeats its initiation only
// after 5 s. So the newest one of each unknown key is kept until the peer would repeat it; add_peer then answers it.
// Nothing is ever sent to a key that was not added.
#pragma once

#include <map>
#include <optional>

#include "base/time.h"
#include "crypto/keys.h"
#include "wireguard/handshake.h"
#include "wireguard/source.h"
#include "wireguard/timers.h"

namespace quoin::wireguard {

struct HeldInitiation {
  ReceivedInitiation initiation;  // authenticated
  Tai64n timestamp;
  Source from;
  Instant since;
};

class HeldInitiations {
 public:
  static constexpr std::size_t held_max = 64;  // the oldest makes room
  static constexpr Duration held_for = rekey_timeout;

  // True if this key was not held yet. Older than what is held already: ignored.
  bool hold(HeldInitiation initiation);
  std::optional<HeldInitiation> take(const crypto::NodePublicKey& key, Instant now);
  std::size_t size() const { return held_.size(); }

 private:
  void drop_expired(Instant now);
  void drop_oldest();

  std::map<crypto::NodePublicKey, HeldInitiation> held_;
};

}  // namespace quoin::wireguard
