#include "gate/shortage.h"

#include <utility>

#include "gate/calendar.h"

namespace quoin::gate {
namespace {

std::string text_of(const Shortage::Refused& refused) {
  const std::string port = " port " + std::to_string(refused.port);
  switch (refused.protocol) {
    case pair::Protocol::tcp: return "tcp" + port;
    case pair::Protocol::udp: return "udp" + port;
    case pair::Protocol::icmp: return "ping";
  }
  std::unreachable();
}

}  // namespace

void Shortage::note(Refused refused, WallTime wall) {
  const bool goes_on = newest_ && newest_->refused == refused && wall - newest_->at < shown;
  newest_ = {.refused = std::move(refused), .since = goes_on ? newest_->since : wall, .at = wall};
}

std::string Shortage::sentence(WallTime wall) const {
  if (!newest_ || wall - newest_->at >= shown) return {};
  const Refused& refused = newest_->refused;
  const std::string of_whom = text_of(refused) + " of " + refused.engineer + " since " + calendar_text(newest_->since);
  switch (refused.what) {
    case Of::room: return of_whom + ": too many at once; fewer at a time are all served";
    case Of::length:
      return of_whom + ": too large to be carried; over IPv6 an answer has at most 1232 bytes, so use the IPv4 address";
  }
  std::unreachable();
}

}  // namespace quoin::gate
