// Which handshake messages are worth curve arithmetic (WireGuard paper, section 5.3).
//
// A handshake costs us about a quarter of a millisecond, a forged one costs its sender nothing. So: mac1 always. When
// more arrive than the meter lets through, we are under load for the next second: then a message needs a mac2, which
// binds it to its source; without one it is answered with a cookie (a few microseconds, no state). With one it is still
// limited, per source and altogether, so that established sessions keep the processor whatever comes.
#pragma once

#include <cstdint>
#include <optional>

#include "wireguard/cookie.h"
#include "wireguard/rate_limit.h"

namespace quoin::wireguard {

class HandshakeGate {
 public:
  static constexpr Rate unloaded = {.per_second = 128, .burst = 128};
  static constexpr Rate loaded = {.per_second = 512, .burst = 128};
  static constexpr Duration load_lasts = seconds(1);

  enum class Verdict : std::uint8_t { pass, wrong_mac1, needs_cookie, rate_limited };

  HandshakeGate(const crypto::NodePublicKey& self, Random& random) : cookies_(self, random) {}

  // `message` is a whole initiation or response.
  Verdict judge(Bytes message, const Source& from, Instant now);
  CookieReplyBytes cookie_reply(Bytes message, SessionIndex sender, const Source& to, Instant now) {
    return cookies_.reply(message, sender, to, now);
  }
  bool under_load(Instant now) const { return load_until_ && now < *load_until_; }

 private:
  CookieChecker cookies_;
  TokenBucket unloaded_{unloaded};
  TokenBucket loaded_{loaded};
  SourceLimiter sources_;
  std::optional<Instant> load_until_;
};

}  // namespace quoin::wireguard
