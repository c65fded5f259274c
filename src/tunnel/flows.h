// The bridge from the engineer's flows to the device's sockets, as values: which request to the gate stands for which
// flow, and how far each flow has come. It moves no bytes; the stack holds those, and the owner's sockets take them
// from there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "crypto/keys.h"
#include "netstack/events.h"
#include "netstack/flow_id.h"
#include "pair/messages.h"
#include "tunnel/ftp_control.h"

namespace quoin::tunnel {

enum class FlowStage : std::uint8_t {
  dialling,  // the gate has been asked; the engineer's SYN or datagram waits
  open,
};

struct Flow {
  netstack::FlowId id;
  netstack::Transport transport;
  pair::RequestId request = 0;
  FlowStage stage = FlowStage::dialling;
  Endpoint from_engineer;  // his side
  Endpoint to_device;      // of the overlay
  crypto::NodePublicKey engineer;
  bool engineer_finished = false;  // nothing more comes from there
  bool finish_told = false;        // and all of it was written to the device
  bool device_finished = false;
  std::uint64_t bytes_to_device = 0;
  std::uint64_t bytes_to_engineer = 0;
  std::unique_ptr<FtpControl> ftp;  // of a control connection of FTP
};

class Flows {
 public:
  Flow& add(Flow flow) {
    by_request_.emplace(flow.request, flow.id);
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
  void remove(netstack::FlowId id) {
    if (const Flow* flow = find(id)) by_request_.erase(flow->request);
    flows_.erase(id);
  }
  auto begin() { return flows_.begin(); }
  auto end() { return flows_.end(); }
  bool contains(netstack::FlowId id) const { return flows_.contains(id); }
  std::size_t size() const { return flows_.size(); }

 private:
  std::map<netstack::FlowId, Flow> flows_;
  std::map<pair::RequestId, netstack::FlowId> by_request_;
};

}  // namespace quoin::tunnel
