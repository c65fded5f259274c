// The bridge from the engineer's flows to the device's sockets, as values: which request to the gate stands for which
// flow, and how far each flow has come. It moves no bytes; the stack holds those, and the owner's sockets take them
// from there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "crypto/keys.h"
#include "netstack/events.h"
#include "netstack/flow_id.h"
#include "netstack/stack.h"
#include "pair/messages.h"
#include "tunnel/ftp_control.h"

namespace quoin::tunnel {

enum class FlowStage : std::uint8_t {
  dialling,  // the gate has been asked; the engineer's SYN or datagram waits
  open,
  ending,      // TCP: the engineer's side has ended in order; the device's has not taken everything yet
  delivering,  // TCP: the device has reset the connection, or it broke; the engineer gets first what had come
};

struct Flow {
  netstack::FlowId id;
  netstack::Transport transport;
  pair::RequestId request = 0;
  FlowStage stage = FlowStage::dialling;
  Endpoint from_engineer;  // his side
  Endpoint to_device;      // of the overlay
  crypto::NodePublicKey engineer;
  std::string person;              // whose machine that is
  bool engineer_finished = false;  // nothing more comes from there
  bool finish_told = false;        // and all of it was written to the device
  bool device_finished = false;
  std::uint64_t bytes_to_device = 0;
  std::uint64_t bytes_to_engineer = 0;
  std::unique_ptr<FtpControl> ftp;  // of a control connection of FTP
  // UDP, once it is open: its turn among those of its kind, the least recently used first.
  bool is_answered = false;  // the device spoke last
  std::uint64_t turn = 0;
  Instant last_passed;
};

// What all engineers of a session share, and of it one of them takes at most three quarters, however many machines they
// have: so nobody keeps the others out. Connections take memory as soon as they are there, so their number leaves a
// quarter of it to the rest; flows of datagrams leave a quarter of all flows to connections, and one that has been
// answered gives its place to a new flow where that finds none: who asks from a fresh socket each time has as many as
// they ask for, and would otherwise wait for the idle time of old ones.
class Flows {
 public:
  static constexpr std::size_t all_max = netstack::StackConfig().flows_max - netstack::StackConfig().pending_max;
  static constexpr std::size_t of_one_max = netstack::StackConfig().flows_max / 4 * 3;
  static constexpr std::size_t dialling_of_one_max = netstack::StackConfig().pending_max / 4 * 3;
  static constexpr std::size_t connections_max =
      netstack::StackConfig().memory_bytes_max / 4 * 3 / netstack::Stack::connection_bytes_min;
  static constexpr std::size_t connections_of_one_max = connections_max / 4 * 3;
  // A flow that nobody has answered gives its place after so long: what asks again does so sooner.
  static constexpr Duration unanswered_patience = seconds(10);

  bool may_dial(const std::string& person, netstack::Transport transport) const {
    const auto found = shares_.find(person);
    return found == shares_.end() || found->second.dialling < share_of(dialling_of_one_max, transport);
  }
  bool has_room_for(const std::string& person, netstack::Transport transport) const {
    const auto found = shares_.find(person);
    const Share none;
    const Share& own = found == shares_.end() ? none : found->second;
    if (size() >= all_max || own.flows >= of_one_max) return false;
    if (transport == netstack::Transport::tcp) {
      return connections_ < connections_max && own.connections < connections_of_one_max;
    }
    return size() - connections_ < share_of(all_max, transport) &&
           own.flows - own.connections < share_of(of_one_max, transport);
  }
  // The flow of datagrams that is to go so that this person finds room, if any can: their own, or where it is all that
  // are too many, that of whoever has the most.
  std::optional<netstack::FlowId> to_take_back(const std::string& person, netstack::Transport transport,
                                               Instant now) const;
  void passed(Flow& flow, bool is_answer, Instant now);  // of datagrams
  Flow& add(Flow flow) {
    by_request_.emplace(flow.request, flow.id);
    Share& share = shares_[flow.person];
    share.flows++;
    share.dialling++;
    if (flow.transport == netstack::Transport::tcp) {
      share.connections++;
      connections_++;
    }
    const netstack::FlowId id = flow.id;
    return flows_.emplace(id, std::move(flow)).first->second;
  }
  Flow* find(netstack::FlowId id) {
    const auto found = flows_.find(id);
    return found == flows_.end() ? nullptr : &found->second;
  }
  Flow* find_request(pair::RequestId request) {
    const auto found = by_request_.find(request);
    return found == by_request_.end() ? nullptr : find(found->second);
  }
  void opened(Flow& flow) {
    flow.stage = FlowStage::open;
    shares_[flow.person].dialling--;
  }
  void remove(netstack::FlowId id) {
    const Flow* flow = find(id);
    if (!flow) return;
    const auto share = shares_.find(flow->person);
    if (flow->stage == FlowStage::dialling) share->second.dialling--;
    if (flow->turn != 0) share->second.line(flow->is_answered).erase(flow->turn);
    if (flow->transport == netstack::Transport::tcp) {
      share->second.connections--;
      connections_--;
    }
    if (--share->second.flows == 0) shares_.erase(share);
    by_request_.erase(flow->request);
    flows_.erase(id);
  }
  auto begin() { return flows_.begin(); }
  auto end() { return flows_.end(); }
  bool contains(netstack::FlowId id) const { return flows_.contains(id); }
  std::size_t size() const { return flows_.size(); }

 private:
  struct Share {
    std::size_t flows = 0;
    std::size_t connections = 0;  // of these
    std::size_t dialling = 0;     // of these, too
    // Open flows of datagrams, by their turn.
    std::map<std::uint64_t, netstack::FlowId> answered = {};
    std::map<std::uint64_t, netstack::FlowId> unanswered = {};
    std::map<std::uint64_t, netstack::FlowId>& line(bool is_answered) { return is_answered ? answered : unanswered; }
  };
  static constexpr std::size_t share_of(std::size_t max, netstack::Transport transport) {
    return transport == netstack::Transport::udp ? max / 4 * 3 : max;
  }
  std::optional<netstack::FlowId> least_used(const Share& share, Instant now) const;

  std::map<netstack::FlowId, Flow> flows_;
  std::map<std::string, Share> shares_;  // of persons who have any
  std::map<pair::RequestId, netstack::FlowId> by_request_;
  std::size_t connections_ = 0;
  std::uint64_t last_turn_ = 0;
};

}  // namespace quoin::tunnel
