#include "dial_answers.h"

#include <utility>

namespace quoin::apps {

pair::Unanswered unanswered(io::DialError error) {
  switch (error) {
    case io::DialError::refused: return pair::Unanswered::refused;
    case io::DialError::behind_router:
    case io::DialError::unreachable: return pair::Unanswered::unreachable;
    case io::DialError::timed_out: return pair::Unanswered::timed_out;
    case io::DialError::failed: return pair::Unanswered::too_many;
  }
  std::unreachable();
}

gate::DialFailed proxy_failure(gate::TaskId task, const io::HttpConnectFailure& failure) {
  using What = io::HttpConnectFailure::What;
  const auto because = [&](gate::ProxyFault fault) {
    return gate::DialFailed{task, pair::Unanswered::behind_proxy, gate::ProxyTrouble{fault, failure.status}};
  };
  switch (failure.what) {
    case What::closed: return because(gate::ProxyFault::closed);
    case What::timed_out: return because(gate::ProxyFault::timed_out);
    case What::not_http: return because(gate::ProxyFault::not_a_proxy);
    case What::refused: {
      const bool other_way = failure.status == 407 && !failure.offers_basic;
      return because(other_way ? gate::ProxyFault::signs_in_otherwise : gate::ProxyFault::status);
    }
    case What::not_reached: break;
  }
  switch (failure.dial) {
    case io::DialError::refused: return because(gate::ProxyFault::refused);
    case io::DialError::behind_router:
    case io::DialError::unreachable:
    case io::DialError::failed: return because(gate::ProxyFault::unreachable);
    case io::DialError::timed_out: return because(gate::ProxyFault::timed_out);
  }
  std::unreachable();
}

}  // namespace quoin::apps
