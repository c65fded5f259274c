// The flows of one warrant: which are open, and their records. A flow is opened by the gate, which dialled it; how many
// bytes it carried only the tunnel knows, and what it says of that is written down as it comes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "gate/attempts.h"
#include "gate/audit_queue.h"
#include "gate/budget.h"
#include "pair/messages.h"

namespace quoin::gate {

class Flows {
 public:
  static constexpr std::size_t open_max = 4096;
  // All that a tunnel can hold, whatever it says is over: a socket for each flow, and what it needs itself.
  static constexpr std::size_t tunnel_descriptors_max = open_max + 128;
  // Each is two records. Neither an engineer nor a tunnel that was taken over fills the customer's disk with them.
  static constexpr std::uint64_t opened_burst = 10'000;
  static constexpr std::uint64_t opened_per_second = 20;
  // Of either one engineer takes at most three quarters: he cannot keep the others out.
  static constexpr std::size_t open_of_one_max = open_max / 4 * 3;
  static constexpr std::uint64_t opened_of_one_burst = opened_burst / 4 * 3;
  static constexpr std::uint64_t opened_of_one_per_second = opened_per_second / 4 * 3;

  Flows(std::string device, AuditQueue& audit) : device_(std::move(device)), audit_(audit), attempts_(device_, audit) {}

  bool full() const { return open_.size() >= open_max; }
  bool has(pair::RequestId id) const { return open_.contains(id); }
  bool has_pings_of(const std::string& engineer) const { return pings_.contains(engineer); }
  // A yes is one flow less for later. Datagrams leave a quarter to connections.
  bool may_open(const std::string& engineer, pair::Transport transport, Instant now);
  std::size_t open_of(const std::string& engineer) const;
  std::size_t open() const { return open_.size(); }
  std::size_t open_to(std::uint16_t tcp_port) const;
  std::uint64_t opened() const { return opened_; }
  Attempts& attempts() { return attempts_; }  // that came to nothing
  const Attempts& attempts() const { return attempts_; }

  bool has_tcp(const std::string& engineer, std::uint16_t port) const;  // an open one
  // `service` is what records call it. Returns the flow's record, before which it carries nothing; 0, and there is no
  // flow, if there is no room for it.
  AuditQueue::Ticket open(pair::RequestId id, const std::string& engineer, pair::Transport transport,
                          std::uint16_t port, std::string service, WallTime wall);
  // Echo requests of one engineer are one flow, named by the first of them, until the tunnel closes it or ends.
  AuditQueue::Ticket open_ping(pair::RequestId id, const std::string& engineer, WallTime wall);
  // An echo request or its answer. False if that flow, which began with this record, is over.
  [[nodiscard]] bool count_ping(const std::string& engineer, AuditQueue::Ticket opening, std::uint64_t bytes);
  [[nodiscard]] bool count_answer(const std::string& engineer, AuditQueue::Ticket opening, std::uint64_t bytes);
  std::optional<FlowEnded> closed(const pair::FlowClosed& report, WallTime wall);  // its record, if it was open
  void end_all(WallTime wall);  // the tunnel is gone: what it did not report stays unknown

 private:
  struct Flow {
    FlowEnded record;
    AuditQueue::Ticket opening = 0;  // the record of that
    bool is_ping = false;
  };
  AuditQueue::Ticket add(pair::RequestId id, Flow flow, WallTime wall);
  FlowEnded* pings_of(const std::string& engineer, AuditQueue::Ticket opening);

  std::string device_;
  AuditQueue& audit_;
  std::map<pair::RequestId, Flow> open_;
  struct Engineer {
    std::size_t open = 0;
    Budget budget{opened_of_one_burst, opened_of_one_per_second};
  };

  std::map<std::string, pair::RequestId> pings_;  // by engineer
  std::map<std::string, Engineer> engineers_;     // who was admitted, so no more than nodes are
  Budget budget_{opened_burst, opened_per_second};
  std::uint64_t opened_ = 0;
  Attempts attempts_;
};

}  // namespace quoin::gate
