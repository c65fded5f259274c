// One open device as a core: the node, its user-space stack, and the bridge from the engineers' flows to the device's
// sockets.
//
// It holds the session's keys and nothing else of value. It cannot reach anything by itself: whatever it wants
// connected it asks of the gate by meaning, and the owner (the tunnel's main program) works on the sockets that come
// back. It ends at its own copy of the deadline, checked at each burst too, whatever the gate does.
//
// Drive: after any call that is not const, drain poll_udp, then poll_effect, write the streams that have output, and
// sleep until poll_timeout. What poll_udp shows is valid until it is called again.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/packet_batch.h"
#include "base/random.h"
#include "base/time.h"
#include "netstack/rate_limit.h"
#include "netstack/stack.h"
#include "node/node.h"
#include "pair/ftp_ports.h"
#include "pair/messages.h"
#include "tunnel/endpoints.h"
#include "tunnel/flows.h"
#include "tunnel/pace.h"
#include "tunnel/path_reports.h"
#include "tunnel/refusals.h"

namespace quoin::tunnel {

struct SendToGate {
  pair::FromTunnel message;
};
struct CloseStream {  // of control or a relay
  node::StreamId stream;
};
struct FlowWork {  // there may be something to write to the device, or room again for what it sends
  netstack::FlowId flow;
};
struct FinishDevice {  // the engineer sends no more and everything was written: half-close towards the device
  netstack::FlowId flow;
};
struct SendDatagram {  // to the device
  netstack::FlowId flow;
  Buffer datagram;
};
struct CloseEndpoint {  // close the socket that sends there
  Endpoint endpoint;
};
// reset: close the device's socket, so that the device sees a reset. Otherwise, of TCP, answered by device_closed once
// the device has everything and the socket is closed; a reset may follow before.
struct CloseFlow {
  netstack::FlowId flow;
  bool reset;
};
enum class EndReason : std::uint8_t {
  logged_out,
  deadline,
  addresses_changed,
  too_much_to_tell,  // the node could not say all that it had to
};
struct End {  // erase and go
  EndReason why;
};
using Effect =
    std::variant<SendToGate, CloseStream, CloseEndpoint, FlowWork, FinishDevice, SendDatagram, CloseFlow, End>;

// What a socket is for that the gate has connected.
struct ForStream {
  node::StreamId stream;
  std::variant<node::ControlStream, node::RelayStream> to;
};
struct ForFlow {
  netstack::FlowId flow;
  netstack::Transport transport;
};
struct ForEndpoint {  // a UDP socket; poll_udp shows what it is to send
  Endpoint endpoint;
};
using Purpose =
    std::variant<std::monostate, ForStream, ForFlow, ForEndpoint>;  // monostate: nobody wants it any more, close it

class Tunnel {
 public:
  static constexpr std::size_t mtu = 1280;
  static constexpr std::size_t effects_max = 65'536;  // for an owner that does not drain; then the session ends
  static constexpr std::size_t echoes_max = 64;       // that the gate is pinging the device for
  // Flows and echoes that the gate is asked for: so many at once, then one each interval. A flow is two messages; the
  // gate ends a tunnel that sends it 5000 a second, and an engineer who floods must not bring that about.
  static constexpr std::uint32_t requests_burst = 4096;
  static constexpr Duration requests_interval = microseconds(500);
  // Of that one engineer takes at most three quarters.
  static constexpr std::uint32_t requests_of_one_burst = requests_burst / 4 * 3;
  static constexpr Duration requests_of_one_interval = requests_interval * 4 / 3;
  // Nodes that the gate is asked about. A control server can show a thousand new ones in each message.
  static constexpr std::uint32_t admissions_burst = 1024;
  static constexpr Duration admissions_interval = milliseconds(2);
  // Announcements of FTP that the gate is told of, whatever the device says: a device that floods harms its FTP alone.
  static constexpr std::uint32_t announcements_burst = 64;
  static constexpr Duration announcements_interval = milliseconds(50);

  Tunnel(const pair::Begin& begin, Random& random, Instant now, WallTime wall);

  // From the gate. Of Connected the owner asks take_purpose first and keeps the socket accordingly.
  void handle(const pair::FromGate& message, Instant now);
  Purpose take_purpose(pair::RequestId request, Instant now);
  void set_sockets(path::UdpFamilies families, Instant now);
  // The socket that should have come with a message did not arrive.
  void descriptor_lost(pair::RequestId request, Instant now);

  node::Node& node() { return node_; }  // its streams belong to the owner; call handled() after using them
  void handled(Instant now);
  void handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes, Instant now);
  // For the socket of that endpoint, which is there.
  std::optional<node::UdpRun> poll_udp(Instant now);
  void udp_unreachable(const Endpoint& to, Instant now);  // said by the socket of what poll_udp showed

  // The device's sockets. TCP: read into device_space, write from device_pending.
  std::array<MutableBytes, 2> device_space(netstack::FlowId flow);
  void device_received(netstack::FlowId flow, std::size_t bytes, Instant now);
  void device_finished(netstack::FlowId flow, Instant now);  // its end of stream
  std::array<Bytes, 2> device_pending(netstack::FlowId flow) const;
  void device_sent(netstack::FlowId flow, std::size_t bytes, Instant now);
  void device_failed(netstack::FlowId flow,
                     Instant now);  // its socket broke: the engineer gets a reset behind the rest
  void device_closed(netstack::FlowId flow, Instant now);  // after CloseFlow without a reset
  // UDP.
  void device_datagram(netstack::FlowId flow, Bytes datagram, Instant now);
  void device_datagram_too_large(netstack::FlowId flow, Instant now);  // one of SendDatagram's, for its socket
  void device_refused(netstack::FlowId flow, netstack::Refusal why, Instant now);  // datagrams: ICMP unreachable

  std::optional<Effect> poll_effect();
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;
  bool ended() const { return ended_; }

 private:
  // After the deadline nothing passes any more; the node still logs out, and the device still gets what belongs to
  // flows that had ended before, for at most this long.
  static constexpr Duration logout_time_max = milliseconds(900);
  struct Closing {
    EndReason why;
    Instant until;
    std::optional<bool> control_was_told = std::nullopt;  // once the node has logged out
  };

  void begin_closing(EndReason why, Instant now);
  void send_to_gate(pair::FromTunnel message) { tell(SendToGate{std::move(message)}); }
  void tell(Effect effect);
  void end(bool control_was_told);
  void end_if_done(Instant now);
  void unwanted(pair::RequestId request);
  pair::RequestId next_request() { return ++last_request_; }

  void settle(Instant now);
  void deliver(Instant now);  // the node's opened packets go to the stack
  void handle(const node::Event& event, Instant now);
  void handle(const netstack::StackEvent& event, Instant now);
  void handle_incoming(const netstack::Incoming& incoming, Instant now);
  // For the record: what the gate is not asked for.
  void note_refused(const IpAddress& remote, pair::Protocol protocol, std::uint16_t port, pair::RefusedFor why,
                    Instant now);
  void note_too_large(const Flow& flow, Instant now);
  void handle_echo(const netstack::EchoRequest& request, Instant now);
  void handle_failed(const pair::Failed& failed, Instant now);
  void handle_resolved(const pair::Resolved& resolved, Instant now);
  bool may_leave(const node::UdpRun& run, Instant now);
  void forget_endpoint_sockets();
  void give_back_endpoints();
  // A place for one more flow, if need be that of one of datagrams that is done.
  bool make_room(const std::string& person, netstack::Transport transport, Instant now);
  // A yes is one request less for later.
  bool may_ask(const std::string& person, netstack::Transport transport, Instant now);
  void pass_datagrams(Flow& flow, Instant now);
  void engineer_finished_if_drained(Flow& flow);
  void close_flow(netstack::FlowId id, bool reset);
  void reset_flows(bool (*is_meant)(const Flow&));  // on the device's side alone
  void forget_flow(const Flow& flow);
  // tunnel_ftp.cc
  void pass_ftp(Flow& flow, std::size_t bytes, Instant now);  // of the flow's own space
  void finish_ftp(Flow& flow, bool in_order, Instant now);    // all that was held back goes to the engineer
  void ftp_sent(Flow& flow, std::size_t bytes);               // of what is pending to the device
  void flush_ftp(Flow& flow, Instant now);
  void announce_ftp(const Flow& flow, std::uint16_t port, Instant now);
  void close_flows_of(const std::vector<IpAddress>& addresses, Instant now);
  void close_flows_that_may_not_pass(Instant now);
  template <class Predicate>
  void cut_flows(Predicate is_over, Instant now);
  bool passes_filter(netstack::Transport transport, const Endpoint& from, const Endpoint& to) const;

  node::Node node_;
  netstack::Stack stack_;
  pair::Services services_;
  Instant deadline_;
  bool ended_ = false;
  std::optional<Closing> closing_;

  PacketBatch batch_{mtu};
  Flows flows_;
  std::map<pair::RequestId, ForStream> streams_;  // asked of the gate
  std::map<pair::RequestId, path::RegionId> resolutions_;
  std::map<pair::RequestId, std::uint64_t> echoes_;
  Endpoints endpoints_;
  Pace admissions_;
  PathReports paths_;
  Refusals refusals_;
  netstack::RateLimit requests_;
  std::map<std::string, netstack::RateLimit> requests_of_one_;  // by login; of engineers who were admitted
  std::optional<IpAddress> overlay_ipv4_;
  pair::FtpPorts ftp_ports_;
  netstack::RateLimit ftp_announcements_;
  std::deque<Effect> effects_;
  pair::RequestId last_request_ = 0;
};

}  // namespace quoin::tunnel
