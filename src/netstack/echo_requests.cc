#include "netstack/echo_requests.h"

#include <algorithm>

namespace quoin::netstack {

std::vector<EchoRequests::Displaced> EchoRequests::add(const IpAddress& local, const IpAddress& remote, Bytes body) {
  std::vector<Displaced> displaced;
  while (waiting_.size() == waiting_max || (!waiting_.empty() && bytes_ + body.size() > bytes_max)) {
    const Waiting& oldest = waiting_.front();
    displaced.push_back({oldest.local, oldest.remote, oldest.told});
    bytes_ -= oldest.body.size();
    waiting_.pop_front();
  }
  waiting_.push_back({next_++, local, remote, to_buffer(body)});
  bytes_ += body.size();
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
  bytes_ -= found->body.size();
  waiting_.erase(found);
  return reply;
}

void EchoRequests::clear(const IpAddress& local) {
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    const bool is_gone = waiting.local == local;
    if (is_gone) bytes_ -= waiting.body.size();
    return is_gone;
  });
}

}  // namespace quoin::netstack
