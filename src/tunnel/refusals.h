// What engineers tried and the tunnel refused by itself, without a word to the gate: kept as counts until the gate is
// told of them, once a second and at a pace, for its records.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/time.h"
#include "crypto/keys.h"
#include "pair/messages.h"
#include "pair/port_counts.h"
#include "tunnel/pace.h"

namespace quoin::tunnel {

class Refusals {
 public:
  static constexpr Duration every = seconds(1);
  static constexpr std::uint32_t burst = 64;
  static constexpr Duration interval = milliseconds(20);
  static constexpr std::size_t last_words_max = 256;  // that are told at once when the session ends

  explicit Refusals(Instant now) : pace_(burst, interval, now) {}

  // Of an admitted peer; so there are no more kinds than peers, protocols and reasons.
  void note(const crypto::NodePublicKey& engineer, pair::Protocol protocol, std::uint16_t port, pair::RefusedFor why,
            Instant now);
  std::optional<pair::Refused> take(Instant now);  // the next that may be told now
  std::optional<pair::Refused> take_at_once();
  std::optional<Instant> poll_timeout() const;

 private:
  struct Kind {
    crypto::NodePublicKey engineer;
    pair::Protocol protocol;
    pair::RefusedFor why;
    auto operator<=>(const Kind&) const = default;
  };
  std::map<Kind, pair::PortCounts> kinds_;
  std::optional<Kind> told_last_;
  std::optional<Instant> due_;
  Pace pace_;
};

}  // namespace quoin::tunnel
