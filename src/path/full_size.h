// Whether datagrams of full size pass on the way to one address of a peer.
//
// A way may lose what is large without a word: a tunnel at the uplink makes packets too long for it, and the ICMP that
// would say so is filtered. Small pings are answered all the same. So an address is trusted with our packets only
// for as long as pings that are as large as the largest of them are answered.
//
//     unknown ──answered──▶ passes ──size_probes_max in a row unanswered──▶ lost ──answered──▶ passes
//        └────────────size_probes_max in a row unanswered───────────────────▲
//
// One probe that is lost changes nothing. Only what has answered a small ping is ever probed: nobody can have large
// datagrams sent to an address that is not theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "disco/message.h"
#include "path/timing.h"

namespace quoin::path {

// The largest WireGuard datagram that we or other nodes of a tailnet send: 1280 bytes of packet, header and tag.
constexpr std::size_t full_size_bytes = 1312;

class FullSize {
 public:
  enum class Verdict : std::uint8_t { unknown, passes, lost };

  Verdict verdict() const { return verdict_; }
  bool passes() const { return verdict_ == Verdict::passes; }
  bool is_fresh(Instant now) const { return passes() && now < fresh_until_; }

  bool may_probe(Instant now) const { return !last_probe_ || now - *last_probe_ >= size_probe_interval; }
  bool has_probes_left() const { return unanswered_ < size_probes_max; }
  bool awaits_answer() const { return unanswered_ > 0; }
  void note_probe_sent(Instant now) {
    last_probe_ = now;
    unanswered_++;
  }
  void note_answered(Instant now) {
    verdict_ = Verdict::passes;
    fresh_until_ = now + trust_after_pong;
    unanswered_ = 0;
  }
  void give_up() { verdict_ = Verdict::lost; }  // small pings are answered, and none of the last probes was
  void begin_anew() { unanswered_ = 0; }        // the address answers again after it had not: nothing counts yet

  // A ping from this address whose answer has to wait until packets of full size are known to pass.
  void hold(const disco::Transaction& transaction, Instant now) { held_ = Held{transaction, now}; }
  bool holds() const { return held_.has_value(); }
  std::optional<disco::Transaction> take_held(Instant now) {
    const auto held = held_;
    held_.reset();
    if (!held || now - held->at >= ping_timeout) return std::nullopt;
    return held->transaction;
  }

 private:
  struct Held {
    disco::Transaction transaction;
    Instant at;
  };

  Verdict verdict_ = Verdict::unknown;
  Instant fresh_until_;
  std::optional<Instant> last_probe_;
  int unanswered_ = 0;  // since the last answer
  std::optional<Held> held_;
};

}  // namespace quoin::path
