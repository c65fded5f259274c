// What lies between the programs: UDP that is late, lost or cut, NATs before each site, STUN servers, byte streams.
//
//     10.0.1.2 ── NAT 203.0.113.1 ──┐                        ┌── NAT 203.0.113.2 ── 192.168.77.9
//                                   ├── the internet, 20 ms ──┤
//              198.51.100.1 (STUN) ─┘                        └─ 198.51.100.2 (STUN)
//
// The rule that every scenario shares is checked here: no datagram of a node ever goes to an address that is not public
// or that lies in its site's own networks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "nat.h"
#include "world.h"

namespace quoin::simulation {

// A TCP connection between a program and a server, as both see it: bytes in order, late, in pieces.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  static constexpr std::size_t window_bytes = 64 * 1024;  // under way in one direction; then a write takes nothing

  enum class Side : std::uint8_t { client, server };
  struct Handlers {
    std::function<void(MutableBytes)> received;
    std::function<void()> writable;
    std::function<void()> closed;
  };

  Wire(World& world, Duration latency) : world_(world), latency_(latency) {}

  void attach(Side side, Handlers handlers) { end(side).handlers = std::move(handlers); }
  std::size_t write(Side from, Bytes bytes);
  void close(Side from);  // what was written before still arrives
  void cut();             // nobody is told: bytes vanish from now on
  bool is_open(Side side) const { return ends_[index(side)].is_open; }

 private:
  struct End {
    Handlers handlers;
    bool is_open = true;
    std::size_t under_way = 0;  // of what this end has written
  };
  static std::size_t index(Side side) { return side == Side::client ? 0 : 1; }
  static Side other(Side side) { return side == Side::client ? Side::server : Side::client; }
  End& end(Side side) { return ends_[index(side)]; }

  World& world_;
  Duration latency_;
  End ends_[2];
  bool is_cut_ = false;
};

class UdpReceiver {
 public:
  virtual ~UdpReceiver() = default;
  virtual void handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes) = 0;
};

struct Site {
  std::string name;
  Nat nat;
  std::vector<Prefix> networks;  // its own: no datagram of its nodes may go there
  bool udp_passes = true;
  std::size_t largest_out = SIZE_MAX;  // longer datagrams are lost at the uplink without a word
  std::size_t largest_in = SIZE_MAX;
  std::uint64_t datagrams_out = 0;  // to anything but STUN servers
};

class Internet {
 public:
  static constexpr Duration latency = milliseconds(20);

  explicit Internet(World& world) : world_(world) {}

  double udp_loss = 0;
  std::uint64_t datagrams_lost = 0;
  std::function<void(Bytes datagram)> watch;  // each that a node sends

  Site& add_site(std::string name, std::string_view outside, NatBehaviour behaviour, std::vector<Prefix> networks);
  void attach(Site& site, const Endpoint& inside, UdpReceiver& receiver);
  void add_stun_server(const Endpoint& at) { stun_servers_[at] = {}; }
  void stun_lies(const Endpoint& at, const Endpoint& mapped) { stun_servers_[at].says = mapped; }

  void send(Site& site, const Endpoint& inside, const Endpoint& to, Bytes segments, std::size_t segment_bytes);

  std::shared_ptr<Wire> connect() { return std::make_shared<Wire>(world_, latency); }

 private:
  struct StunServer {
    std::optional<Endpoint> says;  // instead of the truth
  };
  struct Attached {
    Site* site;
    UdpReceiver* receiver;
  };
  void check(const Site& site, const Endpoint& to);
  void carry(const Endpoint& from, const Endpoint& to, Buffer datagrams, std::size_t segment_bytes);
  static bool cut_at(std::size_t largest, Buffer& datagrams, std::size_t segment_bytes);
  void arrive(const Endpoint& from, const Endpoint& to, Buffer& datagrams, std::size_t segment_bytes);

  World& world_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::map<Endpoint, Attached> hosts_;  // by their address inside
  std::map<Endpoint, StunServer> stun_servers_;
};

}  // namespace quoin::simulation
