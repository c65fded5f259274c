#include "wireguard/handshake_gate.h"

namespace quoin::wireguard {

HandshakeGate::Verdict HandshakeGate::judge(Bytes message, const Source& from, Instant now) {
  if (!cookies_.mac1_valid(message)) return Verdict::wrong_mac1;
  if (!under_load(now)) {
    if (unloaded_.take(now)) return Verdict::pass;
    load_until_ = now + load_lasts;
  }
  if (!cookies_.mac2_valid(message, from, now)) return Verdict::needs_cookie;
  if (!sources_.allow(from, now) || !loaded_.take(now)) return Verdict::rate_limited;
  return Verdict::pass;
}

}  // namespace quoin::wireguard
