// The servers of the simulated internet: relays and the control server, each a program around this project's own
// server-side codecs. Any of them can be taken down and brought up again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/control_in_a_box.h"
#include "derp/accept.h"
#include "internet.h"
#include "node/events.h"
#include "world.h"

namespace quoin::simulation {

// A DERP relay of one region, alone.
class Relay final : public Actor {
 public:
  Relay(World& world, path::RegionId region);

  bool is_up = true;
  double loss = 0;  // of packets
  std::function<void(const crypto::NodePublicKey& from, const crypto::NodePublicKey& to, Bytes packet)> watch;

  path::RegionId region() const { return region_; }
  Endpoint stun() const { return {address_, 3478}; }
  control::DerpRegion description() const;
  std::uint64_t packets() const { return packets_; }
  bool serves(const crypto::NodePublicKey& key) const { return by_key_.contains(key); }

  void accept(const std::shared_ptr<Wire>& wire);
  void go_down();      // every connection ends, and no new one is taken until is_up is set
  void fall_silent();  // the same without a word: connections stay and nothing comes through
  // A relay that lies.
  void send_as(const crypto::NodePublicKey& from, const crypto::NodePublicKey& to, Bytes packet);
  void say_gone(const crypto::NodePublicKey& peer, const crypto::NodePublicKey& to);

  const std::string& name() const override { return name_; }
  std::optional<Instant> poll_timeout() const override;
  void handle_timeout() override;

 private:
  struct Connection {
    std::shared_ptr<Wire> wire;
    std::unique_ptr<derp::Accept> login;
    Instant keep_alive_at;
    std::set<crypto::NodePublicKey> has_sent_to;
  };
  using Id = std::uint64_t;

  void received(Id id, Bytes bytes);
  void handle_events(Id id);
  void forward(Connection& from, const derp::Sent& sent);
  void pump(Connection& connection);
  void remove(Id id);

  World& world_;
  path::RegionId region_;
  std::string name_;
  IpAddress address_;
  derp::RelayPrivateKey key_;
  std::map<Id, Connection> connections_;
  std::map<crypto::NodePublicKey, Id> by_key_;
  Id next_ = 1;
  std::uint64_t packets_ = 0;
};

class ControlServer final : public Actor {
 public:
  explicit ControlServer(World& world);

  control::ControlInABox box;
  bool is_up = true;

  // The upgrade: false if the server does not like the handshake and closes.
  bool accept(const std::shared_ptr<Wire>& wire, Bytes initiation);
  void go_down();
  void pump();  // after the box was told something by its administrator

  const std::string& name() const override { return name_; }
  std::optional<Instant> poll_timeout() const override { return keep_alive_at_; }
  void handle_timeout() override;

 private:
  World& world_;
  std::string name_ = "control server";
  std::map<control::ControlInABox::ConnectionId, std::shared_ptr<Wire>> wires_;
  std::map<control::ControlInABox::ConnectionId, Buffer> waiting_;
  Instant keep_alive_at_;
};

struct Servers {
  explicit Servers(World& world, Internet& internet);

  ControlServer control;
  Relay amsterdam;  // region 1
  Relay frankfurt;  // region 2
  Relay* relay(path::RegionId region);
};

}  // namespace quoin::simulation
