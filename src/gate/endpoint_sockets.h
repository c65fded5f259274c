// The UDP sockets that one tunnel sends with: one for each endpoint, connected here after the endpoint guard has passed
// it, all on the local port of the socket that the tunnel receives with.
//
// The gate keeps a copy of each. So their number is known whatever the tunnel says, and a socket whose endpoint may not
// be sent to any more (the host has moved into that network, the session ends) is disconnected in every process that
// holds it. What a tunnel asks for in one session is paced: one that was taken over does not send to the whole world
// from the customer's address.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "gate/budget.h"
#include "gate/desk.h"
#include "gate/inputs.h"

namespace quoin::gate {

class EndpointSockets {
 public:
  static constexpr std::size_t connected_max = 128;  // at once, being connected among them
  static constexpr std::uint64_t asked_burst = 512;
  static constexpr std::uint64_t asked_per_second = 16;

  EndpointSockets(SessionId session, Desk& desk) : session_(session), desk_(desk) {}

  // New sockets to receive with, which are handed over; nothing is sent from the ports of the earlier ones.
  void bound(const UdpBound& sockets);

  void handle(const pair::WantEndpoint& request, Instant now);  // its id is in no use
  void handle(const pair::EndpointUnneeded& unneeded);
  // Whether it was of this.
  [[nodiscard]] bool handle(const Dialled& result);
  [[nodiscard]] bool handle(const DialFailed& result);

  bool owes(pair::RequestId request) const;  // an answer
  void judge_anew();                         // the host has changed: nothing is sent until it is asked for again
  void end();                                // nothing is sent any more, nor received by us

 private:
  struct Connecting {
    pair::RequestId request;
    Endpoint to;
  };

  bool may_be_sent_to(const Endpoint& endpoint) const;
  void fail(pair::RequestId request, pair::Unanswered why);
  void disconnect(const Endpoint& endpoint);
  void disconnect_all();
  void give_up_connecting();
  void close_bound();

  SessionId session_;
  Desk& desk_;
  std::optional<HandleId> ipv4_, ipv6_;  // what the tunnel receives with
  std::map<TaskId, Connecting> connecting_;
  std::map<Endpoint, HandleId> connected_;
  Budget asked_{asked_burst, asked_per_second};
};

}  // namespace quoin::gate
