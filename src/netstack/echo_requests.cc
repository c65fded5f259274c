#include "netstack/echo_requests.h"

#include <algorithm>

namespace quoin::netstack {

std::optional<EchoRequests::Displaced> EchoRequests::add(const IpAddress& local, const IpAddress& remote, Bytes body) {
  std::optional<Displaced> displaced;
  if (waiting_.size() == waiting_max) {
    displaced = {waiting_.front().local, waiting_.front().remote, waiting_.front().told};
    waiting_.pop_front();
  }
  waiting_.push_back({next_++, local, remote, to_buffer(body)});
  return displaced;
}

std::optional<EchoRequest> EchoRequests::next_untold() {
  const auto untold = std::ranges::find(waiting_, false, &Waiting::told);
  if (untold == waiting_.end()) return std::nullopt;
  untold->told = true;
  return EchoRequest{untold->echo, untold->local, untold->remote, IcmpEcho{false, untold->body}.data_bytes()};
}

std::optional<EchoRequests::Reply> EchoRequests::answer(std::uint64_t echo) {
  const auto found = std::ranges::find(waiting_, echo, &Waiting::echo);
  if (found == waiting_.end()) return std::nullopt;
  Reply reply{found->remote, icmp_echo_reply(found->local, found->remote, found->body)};
  waiting_.erase(found);
  return reply;
}

void EchoRequests::clear(const IpAddress& local) {
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.local == local; });
}

}  // namespace quoin::netstack
