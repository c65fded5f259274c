// The process of one open device: moves values between the tunnel core and the descriptors that the gate hands over. It
// decides nothing.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "device_sockets.h"
#include "io/entropy.h"
#include "io/seqpacket.h"
#include "io/timer.h"
#include "io/tls.h"
#include "io/udp_socket.h"
#include "link.h"
#include "pair/messages.h"
#include "tunnel/tunnel.h"

namespace quoin::apps {

class TunnelProcess {
 public:
  // What is read from one socket or stream before the others get their turn.
  static constexpr int bursts_per_turn = 16;
  // For the last words to leave. A gate that does not read them keeps no process with its keys alive.
  static constexpr Duration last_words_max = milliseconds(500);

  // `pair` is our end of the gate's socket pair. Makes every timer it will ever have: the sandbox closes after this.
  TunnelProcess(io::Loop& loop, io::Descriptor pair);
  ~TunnelProcess();

 private:
  struct UdpPort {
    std::unique_ptr<io::UdpSocket> socket;
    bool waits_to_write = false;
  };

  void handle_packet(io::Seqpacket::Received packet);
  void begin(const pair::Begin& begin, std::vector<io::Descriptor>& descriptors);
  void adopt_sockets(const pair::UdpSockets& sockets, std::vector<io::Descriptor>& descriptors);
  void handle_connected(pair::RequestId request, io::Descriptor socket);
  void add_link(const tunnel::ForStream& purpose, io::Descriptor socket);
  void remove_link(node::StreamId stream);

  // Of the two sockets that only receive, and of those of the endpoints, which send too. Each is named by where it is
  // kept, since it may be gone when it is called upon.
  using PortName = std::variant<IpVersion, Endpoint>;
  UdpPort* port(const PortName& name);
  void wait_for_datagrams(const PortName& name);
  void receive_datagrams(const PortName& name);
  bool receive_burst(io::UdpSocket& socket);  // false: none is there. May close sockets, this one among them
  void close_endpoint(const Endpoint& endpoint);
  bool send_datagrams();  // whether anything left
  void read_stream(node::StreamId stream);
  bool write_streams();
  bool write_stream(node::StreamId stream);
  void perform_effects();
  void drain();  // until nothing is left to do now; sets the timer
  void handle_timer();
  void end();

  io::Loop& loop_;
  io::SystemRandom random_;
  io::Timer timer_;
  io::Seqpacket pair_;
  bool is_ending_ = false;
  std::optional<Instant> gone_by_;  // once it ends

  std::string control_host_;
  std::uint16_t control_port_ = 0;
  bool control_tls_ = true;
  std::optional<crypto::MachinePublicKey> server_key_;  // pinned, or learned by the last connection
  std::optional<io::TlsRoots> control_roots_;
  std::optional<io::TlsRoots> relay_roots_;
  std::string roots_failure_;

  std::unique_ptr<tunnel::Tunnel> tunnel_;
  std::unique_ptr<DeviceSockets> devices_;
  std::map<node::StreamId, std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Link>> ended_links_;  // destroyed once their own callbacks have returned
  std::map<node::StreamId, bool> waits_to_write_;
  UdpPort ipv4_, ipv6_;
  std::map<Endpoint, UdpPort> endpoints_;
  Buffer burst_space_;
  std::optional<node::UdpRun> held_run_;  // its socket is full
};

}  // namespace quoin::apps
