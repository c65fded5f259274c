#include "tunnel/flows.h"

namespace quoin::tunnel {

void Flows::passed(Flow& flow, bool is_answer, Instant now) {
  Share& share = shares_[flow.person];
  if (flow.turn != 0) share.line(flow.is_answered).erase(flow.turn);
  flow.turn = ++last_turn_;
  flow.is_answered = is_answer;
  flow.last_passed = now;
  share.line(is_answer).emplace(flow.turn, flow.id);
}

std::optional<netstack::FlowId> Flows::least_used(const Share& share, Instant now) const {
  if (!share.answered.empty()) return share.answered.begin()->second;
  if (share.unanswered.empty()) return std::nullopt;
  const netstack::FlowId oldest = share.unanswered.begin()->second;
  return now - flows_.at(oldest).last_passed >= unanswered_patience ? std::optional(oldest) : std::nullopt;
}

std::optional<netstack::FlowId> Flows::to_take_back(const std::string& person, netstack::Transport transport,
                                                    Instant now) const {
  const auto own = shares_.find(person);
  const Share none;
  const Share& theirs = own == shares_.end() ? none : own->second;
  if (transport == netstack::Transport::tcp) {  // no flow of datagrams stands in the way of these
    if (connections_ >= connections_max || theirs.connections >= connections_of_one_max) return std::nullopt;
  }
  const bool are_own_too_many =
      theirs.flows >= of_one_max ||
      (transport == netstack::Transport::udp && theirs.flows - theirs.connections >= share_of(of_one_max, transport));
  if (are_own_too_many) return least_used(theirs, now);
  const Share* largest = nullptr;
  for (const auto& [name, share] : shares_) {
    if (least_used(share, now) && (largest == nullptr || share.flows > largest->flows)) largest = &share;
  }
  return largest == nullptr ? std::nullopt : least_used(*largest, now);
}

}  // namespace quoin::tunnel
