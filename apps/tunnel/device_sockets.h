// The sockets that the gate has connected to the device, one for each flow, and the moving of bytes between them and
// the stack's queues. Decisions are the tunnel core's; this only reads and writes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "io/tcp_stream.h"
#include "io/udp_flow.h"
#include "tunnel/tunnel.h"

namespace quoin::apps {

class DeviceSockets {
 public:
  // What is moved for one flow before the others get their turn.
  static constexpr std::size_t bytes_per_turn = 256 * 1024;
  static constexpr int datagrams_per_turn = 64;
  // A connection that ends in order is kept until the device has acknowledged everything and ended as well, or has
  // acknowledged nothing more for so long: then it is reset.
  static constexpr Duration ending_patience = minutes(2);

  // `moved` is called after a socket's readiness has led to work: drain the tunnel then.
  DeviceSockets(io::Loop& loop, tunnel::Tunnel& tunnel, io::Callback moved);
  ~DeviceSockets();

  void add(const tunnel::ForFlow& flow, io::Descriptor connected);
  void work(netstack::FlowId flow);
  void finish(netstack::FlowId flow);
  void send(netstack::FlowId flow, Bytes datagram);
  void close(netstack::FlowId flow, bool reset);
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;

 private:
  struct Tcp {
    std::unique_ptr<io::TcpStream> stream;
    bool finish_wanted = false;  // once all pending bytes are written
    bool has_finished = false;
    bool device_ended = false;
    bool has_broken = false;  // a write failed, which takes the socket's error: what the device had said is still read
    bool waits_to_read = false;
    bool waits_to_write = false;
  };
  // Nothing tells when everything is acknowledged: it is asked for, again and again.
  struct Ending {
    std::unique_ptr<io::TcpStream> stream;
    std::uint64_t bytes_acknowledged;
    Instant since;  // nothing more was acknowledged
    Duration pause;
    Instant next_look;
  };
  static constexpr Duration first_pause = milliseconds(1);
  static constexpr Duration longest_pause = milliseconds(100);

  enum class Outcome { done, would_block, failed };

  Outcome write(netstack::FlowId flow, Tcp& socket);
  Outcome read(netstack::FlowId flow, Tcp& socket);
  void receive_datagrams(netstack::FlowId flow);
  void wait_for_datagram(netstack::FlowId flow);
  void end(netstack::FlowId flow, Tcp socket);
  void look(netstack::FlowId flow, Instant now);
  void forget_ending(netstack::FlowId flow);

  io::Loop& loop_;
  tunnel::Tunnel& tunnel_;
  io::Callback moved_;
  std::map<netstack::FlowId, Tcp> tcp_;
  std::map<netstack::FlowId, std::unique_ptr<io::UdpFlow>> udp_;
  std::map<netstack::FlowId, Ending> ending_;
  std::set<std::pair<Instant, netstack::FlowId>> looks_;  // at those that end
  Buffer datagram_space_;
};

}  // namespace quoin::apps
