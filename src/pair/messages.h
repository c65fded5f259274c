// What the gate and one tunnel say to each other over their SOCK_SEQPACKET pair: one message a packet, bounded, some
// with descriptors beside them.
//
// The tunnel speaks of meanings ("the web service", "relay of region 3"), and names an address only where a peer or a
// relay map named it: the gate resolves, guards, connects and hands the socket over. The gate takes its tunnel for
// hostile: parsing what a tunnel sends is fuzzed, every text is bounded and printable, and no message of it can open,
// widen or prolong anything.
//
// On the wire: u8 type, then the fields in the order below, integers big endian, texts and lists with a u16 length
// before them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "pair/port_counts.h"
#include "pair/services.h"

namespace quoin::pair {

constexpr std::size_t message_bytes_max = 16 * 1024;
constexpr std::size_t descriptors_max = 4;  // with any one message
constexpr std::size_t text_bytes_max = 255;
constexpr std::size_t list_entries_max = 256;

// Chosen by the tunnel, echoed by the gate. One request is answered exactly once.
using RequestId = std::uint32_t;

enum class Unanswered : std::uint8_t {  // why a dial or a resolution came to nothing
  refused,                              // the other side answered with a reset
  unreachable,                          // no route, or no neighbour there
  timed_out,
  not_allowed,       // the warrant or the dial guard does not let it
  identity_changed,  // another device than the described one answers there
  not_resolved,      // the name has no address
  names_unanswered,  // no name server answers
  too_many,          // a limit of the gate
  behind_proxy,      // the proxy on the way did not connect; why is for the person at the agent
};

// ---- tunnel to gate
// -------------------------------------------------------------------------------------------------------

struct DialControl {
  RequestId request;
};
struct DialRelay {  // host and addresses as the relay map names them; the gate guards what they resolve to
  RequestId request;
  std::uint16_t region;
  std::string host;
  std::optional<IpAddress> ipv4, ipv6;  // instead of resolving
  std::uint16_t port;
};
struct ResolveStun {
  RequestId request;
  std::string host;
  std::optional<IpAddress> ipv4, ipv6;
  std::uint16_t port;
};
struct DialService {  // to the one pinned device; the gate knows where that is
  RequestId request;
  crypto::NodePublicKey engineer;
  Transport transport;
  std::uint16_t port;
  std::uint16_t from_port = 0;  // the engineer's; below 1024 it means something to LPD (RFC 1179)
};
struct PingDevice {
  RequestId request;
  crypto::NodePublicKey engineer;
  std::uint16_t payload_bytes;
};
struct Admit {  // no peer exists in the tunnel before the gate has said yes
  crypto::NodePublicKey node_key;
  std::string login;  // as the control server shows it
  bool tagged;        // a node without a person
};
struct WantJoinKey {};  // for one registration
struct Registered {
  crypto::NodePublicKey node_key;
  std::string name;
  std::vector<IpAddress> addresses;
};
struct Online {
  std::uint16_t region;
  std::string region_code;
};  // the home relay is connected and published
enum class PathKind : std::uint8_t {
  none,
  relay,
  direct,
  relay_past_narrow,  // the relay, since the direct way loses what is large
};
struct PathReport {
  crypto::NodePublicKey engineer;
  PathKind kind;
  std::string through;               // the region's code, or the endpoint
  std::uint32_t silent_seconds = 0;  // since anything authentic came from there; 0: not for long
};
struct FlowClosed {  // of a DialService that was answered with a socket, or of a PingDevice series
  RequestId request;
  std::uint64_t bytes_to_device;
  std::uint64_t bytes_to_engineer;
};
enum class ProblemKind : std::uint8_t {
  control_unreachable,   // no connection, or it keeps breaking
  not_a_control_server,  // it answered with something else
  control_certificate,   // TLS failed: which host, whose certificate, in the text
  control_key,           // its key is not the pinned one
  join_key_refused,
  relay_unreachable,
  relay_certificate,
  forgotten,    // the control server no longer knows this node
  control_map,  // it sends a network map that cannot be used
};
struct Problem {
  ProblemKind kind;
  std::string text;
};
struct Solved {
  ProblemKind kind;
};
struct LoggedOut {
  bool told;
};  // told: the control server confirmed. The tunnel ends after this.
struct ControlIgnored {  // the control server asked for something outside the closed list of features; each once
  std::string feature;
};
struct FtpData {  // the device waits for a data connection of this engineer's FTP session; a DialService may follow,
                  // once
  crypto::NodePublicKey engineer;
  std::uint16_t port;
};
// A socket to send datagrams to this endpoint with, on the local port of the UDP socket of its family: answered by
// Connected if the endpoint guard lets it. One for an endpoint; an earlier one sends nothing any more.
struct WantEndpoint {
  RequestId request;
  Endpoint endpoint;
};
struct EndpointUnneeded {  // its socket is closed
  Endpoint endpoint;
};

enum class Protocol : std::uint8_t { tcp, udp, icmp };
enum class RefusedFor : std::uint8_t {
  service,    // the warrant does not open it
  filter,     // the control server's rules do not let it
  too_many,   // a limit of the tunnel
  too_large,  // it, or its answer, is longer than can be carried
};
struct Refused {  // what an engineer tried and the tunnel refused without a word to the gate, counted and told now and
                  // then
  crypto::NodePublicKey engineer;
  Protocol protocol;
  RefusedFor why;
  std::vector<PortAttempts> ports;  // of icmp: 0
};

using FromTunnel = std::variant<DialControl, DialRelay, ResolveStun, DialService, PingDevice, Admit, WantJoinKey,
                                Registered, Online, PathReport, FlowClosed, Problem, Solved, LoggedOut, ControlIgnored,
                                FtpData, WantEndpoint, EndpointUnneeded, Refused>;

// ---- gate to tunnel
// -------------------------------------------------------------------------------------------------------

struct Begin {               // descriptors: roots for control (PEM, opened for reading), roots for relays
  std::string device_name;   // becomes the node's host name
  std::string control_host;  // for TLS and the Host header
  std::uint16_t control_port;
  bool control_tls;
  std::optional<crypto::MachinePublicKey> server_key;  // pinned
  Services services;
  Instant deadline;                     // by the clock that counts sleep
  std::vector<Prefix> own_prefixes;     // of every interface of this host
  std::vector<Prefix> allowed_private;  // relay and STUN addresses that the person at the agent vouched for
};
// Descriptors: IPv4 and, when has_ipv6, IPv6, which are not connected and so only receive. They replace earlier ones,
// and with them every socket of an endpoint.
struct UdpSockets {
  bool has_ipv4;
  bool has_ipv6;
};
struct OwnPrefixes {  // no socket of an endpoint sends any more: each is judged and connected anew when it is wanted
  std::vector<Prefix> prefixes;
};
struct Connected {
  RequestId request;
};  // descriptor: the connected socket
struct Failed {
  RequestId request;
  Unanswered why;
};  // answers any request
struct Resolved {
  RequestId request;
  std::vector<Endpoint> endpoints;
};
struct Pinged {
  RequestId request;
};
struct Admission {
  crypto::NodePublicKey node_key;
  bool admitted;
};
struct JoinKey {
  std::string key;
};  // wiped by both sides after use
struct Close {};  // log out and go
struct Extend {   // the deadline is this one from now on
  Instant deadline;
};

using FromGate = std::variant<Begin, UdpSockets, OwnPrefixes, Connected, Failed, Resolved, Pinged, Admission, JoinKey,
                              Close, Extend>;

// ---- codec
// ----------------------------------------------------------------------------------------------------------------

enum class MessageError {
  too_long,   // over message_bytes_max, text_bytes_max or list_entries_max
  malformed,  // truncated, trailing bytes, unknown type, a value out of its range
};

// Asserts that a message of our own obeys the limits (callers shorten texts for display with bounded_text).
Buffer encode(const FromTunnel& message);
Buffer encode(const FromGate& message);
Result<FromTunnel, MessageError> decode_from_tunnel(Bytes packet);
Result<FromGate, MessageError> decode_from_gate(Bytes packet);

// Printable UTF-8 without control characters, at most text_bytes_max bytes: what does not fit the rules becomes '?' or
// is cut.
std::string bounded_text(std::string_view text);
// For what is compared, not shown: nothing of a text that bounded_text would change, since what is left might be
// somebody else's name.
std::string whole_text_or_none(std::string_view text);

// How many descriptors come with a message.
std::size_t descriptors_with(const FromGate& message);

}  // namespace quoin::pair
