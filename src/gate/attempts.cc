#include "gate/attempts.h"

#include <utility>

#include "gate/calendar.h"

namespace quoin::gate {
namespace {

const char* text_of(pair::Protocol protocol) {
  switch (protocol) {
    case pair::Protocol::tcp: return "tcp";
    case pair::Protocol::udp: return "udp";
    case pair::Protocol::icmp: return "icmp";
  }
  std::unreachable();
}

const char* text_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::not_opened: return "the warrant does not open it";
    case Outcome::filtered: return "the control server's rules do not let it";
    case Outcome::too_many: return "too many at once";
    case Outcome::refused: return "refused by the device";
    case Outcome::unanswered: return "unanswered";
    case Outcome::unreachable: return "unreachable";
    case Outcome::unrecognised: return "not dialled: the device was not recognised";
    case Outcome::cut_short: return "cut short by the end of the session";
    case Outcome::not_passive: return "the device named it for FTP data: not in ftp.passive_ports";
    case Outcome::too_large: return "too large to be carried";
  }
  std::unreachable();
}

Outcome outcome_of(pair::RefusedFor why) {
  switch (why) {
    case pair::RefusedFor::service: return Outcome::not_opened;
    case pair::RefusedFor::filter: return Outcome::filtered;
    case pair::RefusedFor::too_many: return Outcome::too_many;
    case pair::RefusedFor::too_large: return Outcome::too_large;
  }
  std::unreachable();
}

}  // namespace

void Attempts::add(const std::string& engineer, pair::Protocol protocol, std::uint16_t port, Outcome outcome,
                   WallTime wall, Instant now) {
  count_++;
  const Kind kind{engineer, protocol, outcome, false};
  note_shortage(kind.engineer, protocol, port, outcome, wall);
  pair::PortCounts& counts = counts_of(kind, wall, now);
  const bool is_first = !counts.has(port);
  counts.add(port);
  if (is_first) tell_first(kind, counts, port, wall);
}

void Attempts::add_claimed(const std::string& engineer, const pair::Refused& report, WallTime wall, Instant now) {
  const Kind kind{engineer, report.protocol, outcome_of(report.why), true};
  if (!report.ports.empty()) note_shortage(engineer, report.protocol, report.ports.back().first, kind.outcome, wall);
  pair::PortCounts& counts = counts_of(kind, wall, now);
  for (const pair::PortAttempts& each : report.ports) {
    if (each.first != each.last) {
      counts.add(each);
      continue;
    }
    const bool is_first = !counts.has(each.first);
    counts.add(each.first, each.count);
    if (is_first) tell_first(kind, counts, each.first, wall);
  }
}

void Attempts::note_shortage(const std::string& engineer, pair::Protocol protocol, std::uint16_t port, Outcome outcome,
                             WallTime wall) {
  if (outcome == Outcome::too_many) shortage_.note({engineer, protocol, port, Shortage::Of::room}, wall);
  if (outcome == Outcome::too_large) shortage_.note({engineer, protocol, port, Shortage::Of::length}, wall);
}

pair::PortCounts& Attempts::counts_of(Kind kind, WallTime wall, Instant now) {
  if (!flush_at_) {
    flush_at_ = now + window;
    since_ = calendar_text(wall);
  }
  return kinds_[std::move(kind)];
}

void Attempts::tell_first(const Kind& kind, pair::PortCounts& counts, std::uint16_t port, WallTime wall) {
  if (!counts.has(port) || audit_.crowded()) return;
  AttemptsFailed told = record(kind);
  told.port = port;
  told.count = counts.singles().at(port);
  const auto count = static_cast<std::uint32_t>(told.count);
  if (audit_.add(std::move(told), wall) != 0) counts.take(port, count);
}

void Attempts::handle_timeout(WallTime wall, Instant now) {
  if (!flush_at_ || now < *flush_at_) return;
  if (audit_.crowded()) {
    flush_at_ = now + try_again_after;
  } else {
    flush(wall);
  }
}

void Attempts::flush(WallTime wall) {
  for (const auto& [kind, counts] : kinds_) {
    for (const auto& [port, count] : counts.singles()) {
      if (count == 0) continue;
      AttemptsFailed told = record(kind);
      told.port = port;
      told.count = count;
      told.since = since_;
      audit_.add(std::move(told), wall);
    }
    if (const auto others = counts.others()) {
      AttemptsFailed told = record(kind);
      told.others = PortsTogether{.ports = others->ports, .lowest = others->lowest, .highest = others->highest};
      told.count = others->count;
      told.since = since_;
      audit_.add(std::move(told), wall);
    }
  }
  kinds_.clear();
  flush_at_.reset();
}

AttemptsFailed Attempts::record(const Kind& kind) const {
  AttemptsFailed out;
  out.device = device_;
  out.engineer = kind.engineer;
  out.transport = text_of(kind.protocol);
  out.outcome = text_of(kind.outcome);
  out.claimed = kind.claimed;
  return out;
}

}  // namespace quoin::gate
