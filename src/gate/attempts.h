// What engineers tried in vain, for the audit file: joined as counts for each engineer, port, outcome and minute.
//
// The first attempt of a kind is written at once, those that follow it when the minute is over or the session ends. A
// few ports of each kind are told one by one, all others together with the lowest, the highest and how many they are.
// So a scan of all ports is a few records a minute, whatever its speed, and none of its attempts is left out. What
// cannot be written now (the audit file does not keep up) stays in the counts.
//
// What the gate saw itself and what a tunnel says of attempts that it refused are never joined: see `claimed`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "gate/audit_queue.h"
#include "gate/shortage.h"
#include "pair/messages.h"
#include "pair/port_counts.h"

namespace quoin::gate {

enum class Outcome : std::uint8_t {
  not_opened,    // the warrant does not open the port
  filtered,      // the control server's rules do not let it
  too_many,      // a limit of the agent
  refused,       // by the device
  unanswered,    // it was silent
  unreachable,   // nobody answers for its address, or the network says so
  unrecognised,  // not dialled: the device was silent before, or is another one
  cut_short,     // the session ended meanwhile
  not_passive,   // the device named the port for FTP data, and it may not
  too_large,     // it, or its answer, is longer than can be carried
};

class Attempts {
 public:
  static constexpr Duration window = minutes(1);
  static constexpr Duration try_again_after = seconds(1);  // while the audit file does not keep up
  // Engineers are at most as many as nodes are admitted (Admissions::nodes_max); a kind is one of them, a protocol and
  // an outcome. Each kind is at most twice singles_max records and one more in a minute.

  Attempts(const std::string& device, AuditQueue& audit) : device_(device), audit_(audit) {}

  void add(const std::string& engineer, pair::Protocol protocol, std::uint16_t port, Outcome outcome, WallTime wall,
           Instant now);
  void add_claimed(const std::string& engineer, const pair::Refused& report, WallTime wall, Instant now);
  void handle_timeout(WallTime wall, Instant now);
  std::optional<Instant> next_timeout() const { return flush_at_; }
  void flush(WallTime wall);  // the session is over

  std::uint64_t count() const { return count_; }  // that the gate saw
  const Shortage& shortage() const { return shortage_; }

 private:
  struct Kind {
    std::string engineer;
    pair::Protocol protocol;
    Outcome outcome;
    bool claimed;
    auto operator<=>(const Kind&) const = default;
  };

  void note_shortage(const std::string& engineer, pair::Protocol protocol, std::uint16_t port, Outcome outcome,
                     WallTime wall);
  pair::PortCounts& counts_of(Kind kind, WallTime wall, Instant now);
  void tell_first(const Kind& kind, pair::PortCounts& counts, std::uint16_t port, WallTime wall);
  AttemptsFailed record(const Kind& kind) const;

  std::string device_;
  AuditQueue& audit_;
  std::map<Kind, pair::PortCounts> kinds_;
  std::string since_;  // of the counts
  std::optional<Instant> flush_at_;
  std::uint64_t count_ = 0;
  Shortage shortage_;
};

}  // namespace quoin::gate
