// The agent at the customer's site: a tunnel core, driven as its main program drives it, with a small gate that follows
// a script, and a printer behind it.
//
// Every message of the pair passes through its codec. What a gate must be able to rely on is checked as it comes: each
// connected flow is reported closed once, no request is made twice, nothing is asked for after the end.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "internet.h"
#include "node_streams.h"
#include "pair/messages.h"
#include "path/endpoint_guard.h"
#include "printer.h"
#include "servers.h"
#include "tunnel/tunnel.h"

namespace quoin::simulation {

struct GateScript {
  std::set<std::string> engineers{"alice@example.com"};
  std::string join_key = "device-key";
  pair::Services services{.ports = {{pair::Transport::tcp, 1, 10'000}, {pair::Transport::udp, 161, 161}}, .ping = true};
  Duration warrant = hours(4);
  bool answers = true;                                // false: it never does
  bool loses_descriptors = false;                     // of flows
  std::optional<pair::Unanswered> no_endpoints = {};  // why no socket is connected for any
  Duration dial_time = milliseconds(3);
  Duration ending_time = microseconds(500);  // until a device has everything of a connection that ended in order
};

class Agent final : public Actor, public UdpReceiver {
 public:
  static constexpr std::size_t effects_at_once_max = 16'384;  // in one drain; more would be a queue without bound

  Agent(World& world, Internet& internet, Servers& servers, Site& site, GateScript script = {});

  GateScript script;
  Printer printer;

  // ---- what the gate does by itself
  void close();
  void extend(Instant deadline);
  void replace_sockets();  // the network has changed
  void forget_endpoints() { sends_to_.clear(); }
  void may_send_to(const Endpoint& endpoint) { sends_to_.insert(endpoint); }
  void hand_over(const pair::FromGate& message);

  // ---- what it was told
  std::vector<pair::FromTunnel> said;
  template <class Message>
  std::vector<Message> all() const {
    std::vector<Message> out;
    for (const auto& message : said) {
      if (const auto* one = std::get_if<Message>(&message)) out.push_back(*one);
    }
    return out;
  }
  template <class Message>
  std::size_t count() const {
    return all<Message>().size();
  }
  std::optional<pair::PathReport> path() const;  // the last
  bool is_online() const { return count<pair::Online>() > 0; }
  std::optional<crypto::NodePublicKey> node_key() const;
  IpAddress address(IpVersion version = IpVersion::v4) const;
  std::optional<tunnel::EndReason> end() const { return end_; }
  Instant ended_at() const { return ended_at_; }
  Instant deadline() const { return deadline_; }
  const std::set<Endpoint>& sends_to() const { return sends_to_; }  // has a socket for
  std::size_t open_flows() const { return open_flows_.size(); }     // as a gate counts them
  std::shared_ptr<Service> service(std::size_t nth) const { return services_.at(nth); }
  std::size_t services() const { return services_.size(); }
  std::uint64_t printer_bytes() const { return printer_bytes_; }  // that passed either way
  Instant printer_heard_at() const { return printer_heard_at_; }
  tunnel::Tunnel& core() { return *tunnel_; }

  const std::string& name() const override { return name_; }
  std::optional<Instant> poll_timeout() const override { return tunnel_->poll_timeout(); }
  void handle_timeout() override;
  void handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes) override;

 private:
  struct Socket {
    netstack::Transport transport;
    std::shared_ptr<Service> service;  // TCP
    std::uint16_t port = 0;
    bool finished = false;
    bool works_later = false;
  };

  void drain();
  bool perform_effects();
  void obey(const pair::FromTunnel& message);
  void answer(Duration after, pair::FromGate message);
  void dial(const pair::DialService& request);
  void connected(pair::RequestId request, std::uint16_t port);
  void connect_stream(pair::RequestId request, NodeStreams::Target target);
  void work(netstack::FlowId flow);
  void send_datagram(const tunnel::SendDatagram& effect);
  void close_socket(const tunnel::CloseFlow& effect);
  void connect_endpoint(const pair::WantEndpoint& request);
  void ended();
  void passed(std::size_t bytes);

  World& world_;
  Internet& internet_;
  Site& site_;
  Endpoint inside_;
  std::string name_;
  SeededRandom random_;
  Instant deadline_;
  std::unique_ptr<tunnel::Tunnel> tunnel_;
  NodeStreams streams_;
  std::map<netstack::FlowId, Socket> sockets_;
  std::set<Endpoint> sends_to_;
  path::EndpointGuard guard_;  // the gate's
  std::vector<std::shared_ptr<Service>> services_;
  std::set<pair::RequestId> requests_;    // ever made
  std::set<pair::RequestId> open_flows_;  // answered with Connected, not yet reported closed
  std::optional<tunnel::EndReason> end_;
  Instant ended_at_;
  std::uint64_t printer_bytes_ = 0;
  Instant printer_heard_at_;
};

}  // namespace quoin::simulation
