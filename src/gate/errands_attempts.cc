// What comes to nothing is told to the tunnel and kept for the record.
#include "gate/errands.h"

namespace quoin::gate {
namespace {

constexpr const char* not_admitted = "a node that is not admitted";

pair::Protocol protocol_of(pair::Transport transport) {
  return transport == pair::Transport::tcp ? pair::Protocol::tcp : pair::Protocol::udp;
}

}  // namespace

void Errands::fail(const ServiceDial& dial, pair::Unanswered why, Outcome outcome, WallTime wall, Instant now) {
  note_failed(dial, outcome, wall, now);
  fail(dial.request, why);
}
void Errands::fail(const Echo& echo, pair::Unanswered why, Outcome outcome, WallTime wall, Instant now) {
  note_failed(echo, outcome, wall, now);
  fail(echo.request, why);
}

void Errands::note_failed(const ServiceDial& dial, Outcome outcome, WallTime wall, Instant now) {
  flows_.attempts().add(dial.engineer, protocol_of(dial.transport), dial.port, outcome, wall, now);
}
void Errands::note_failed(const Echo& echo, Outcome outcome, WallTime wall, Instant now) {
  flows_.attempts().add(echo.engineer, pair::Protocol::icmp, 0, outcome, wall, now);
}
void Errands::note_failed(const pair::DialService& request, Outcome outcome, WallTime wall, Instant now) {
  flows_.attempts().add(name_of(request.engineer), protocol_of(request.transport), request.port, outcome, wall, now);
}
void Errands::note_failed(const pair::PingDevice& request, Outcome outcome, WallTime wall, Instant now) {
  flows_.attempts().add(name_of(request.engineer), pair::Protocol::icmp, 0, outcome, wall, now);
}

// A tunnel can make keys up without end; all who are not admitted are one.
std::string Errands::name_of(const crypto::NodePublicKey& engineer) const {
  const std::string* login = admissions_.engineer(engineer);
  return login != nullptr ? *login : not_admitted;
}

void Errands::handle(const pair::Refused& report, WallTime wall, Instant now) {
  flows_.attempts().add_claimed(name_of(report.engineer), report, wall, now);
}

}  // namespace quoin::gate
