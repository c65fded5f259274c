// The engineer: a node with a stack of its own that opens flows, driven as the engineer's program would.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "internet.h"
#include "netstack/active_open.h"
#include "netstack/stack.h"
#include "node/node.h"
#include "node_streams.h"
#include "servers.h"

namespace quoin::simulation {

class Engineer final : public Actor, public UdpReceiver {
 public:
  struct Flow {  // TCP or UDP, as the engineer's client sees it
    Buffer to_send;
    std::size_t sent = 0;
    bool finishes = false;  // after what is to be sent
    bool finish_said = false;
    bool connected = false;
    bool finished_by_peer = false;
    std::uint64_t received_bytes = 0;
    std::string received;        // the beginning, at most 4 KiB
    bool received_right = true;  // each byte as byte_at() says
    std::vector<Buffer> datagrams;
    std::optional<netstack::CloseReason> closed;
    Instant last_received;
  };

  Engineer(World& world, Internet& internet, Servers& servers, Site& site, std::string join_key, Endpoint inside);

  bool is_stock = false;  // from the next start on: trusts small pings with everything, as Tailscale's clients do
  void restart();         // a new process: new keys for disco and machine, everything forgotten, new port

  netstack::FlowId connect(const IpAddress& to, std::uint16_t port);
  netstack::FlowId open_udp(const IpAddress& to, std::uint16_t port);
  void send(netstack::FlowId flow, Bytes bytes);
  void send(netstack::FlowId flow, std::string_view text) { send(flow, bytes_of(text)); }
  void send_pattern(netstack::FlowId flow, std::size_t bytes);
  void finish(netstack::FlowId flow);
  void abort(netstack::FlowId flow);
  void send_datagram(netstack::FlowId flow, std::string_view text);
  void ping(const IpAddress& to);
  const Flow& flow(netstack::FlowId id) const { return flows_.at(id); }

  bool is_online() const { return !addresses.empty() && is_online_; }
  std::vector<IpAddress> addresses;
  node::PathKind path_to(const crypto::NodePublicKey& peer) const;
  std::uint64_t pongs() const { return pongs_; }
  std::uint64_t packets_in() const { return packets_in_; }  // that were decrypted
  const crypto::NodePublicKey& node_key() const { return node_->public_key(); }
  node::Node& node() { return *node_; }

  const std::string& name() const override { return name_; }
  std::optional<Instant> poll_timeout() const override;
  void handle_timeout() override;
  void handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes) override;

 private:
  void start();
  void handled();
  void drain();
  void obey(const node::Event& event);
  void handle(const netstack::StackEvent& event);
  void read(netstack::FlowId id);
  void write(netstack::FlowId id);

  World& world_;
  Internet& internet_;
  Site& site_;
  std::string join_key_;
  Endpoint inside_;
  std::string name_;
  SeededRandom random_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<netstack::Stack> stack_;
  PacketBatch batch_{1280};
  Servers& servers_;
  NodeStreams streams_;
  std::map<netstack::FlowId, Flow> flows_;
  std::map<crypto::NodePublicKey, node::PathKind> paths_;
  bool is_online_ = false;
  int life_ = 0;
  std::uint64_t pongs_ = 0;
  std::uint64_t packets_in_ = 0;
};

}  // namespace quoin::simulation
