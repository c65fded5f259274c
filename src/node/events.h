// What a node asks of its owner and tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "crypto/keys.h"
#include "path/place.h"

namespace quoin::node {

// A byte stream of the node, from WantStream until it failed or was dropped. Never reused.
using StreamId = std::uint32_t;

struct ControlStream {};
struct RelayStream {
  path::RegionId region;
  std::string host;  // TLS name, and to be resolved unless an address stands beside it
  std::optional<IpAddress> ipv4, ipv6;
  std::uint16_t port;
};
// Connect there, speak TLS and the HTTP upgrade, then call stream_opened and hand in the bytes.
struct WantStream {
  StreamId stream;
  std::variant<ControlStream, RelayStream> to;
};
struct DropStream {  // close it; nothing of it is wanted any more
  StreamId stream;
};

struct WantJoinKey {};  // for one registration
struct Registered {
  crypto::NodePublicKey node_key;
  std::string name;
  std::vector<IpAddress> addresses;
};
struct AddressesChanged {  // other addresses than at first: the session must not go on under them
  Registered now;
};
struct Online {  // the home relay is connected and the control server knows it
  path::RegionId region;
  std::string region_code;
};
struct AddressesLost {  // of peers that are none any more, or have others now: flows with them have no other end
  std::vector<IpAddress> addresses;
};
struct FilterChanged {};  // what filter_allows says of flows that run may be another now
struct ResolveStun {      // answer with set_stun_addresses
  path::RegionId region;
  std::string host;
  std::uint16_t port;
};

enum class PathKind : std::uint8_t {
  none,
  relay,
  direct,
  relay_past_narrow,  // the relay, since the direct way loses what is large
};
struct PathChanged {  // the newest of this peer; those before it are not told
  crypto::NodePublicKey peer;
  PathKind kind;
  std::string through;  // the region's code, or the endpoint
};

enum class ProblemKind : std::uint8_t {
  control_unreachable,
  not_a_control_server,
  control_certificate,
  control_key,
  join_key_refused,
  relay_unreachable,
  relay_certificate,
  forgotten,
  control_map,  // what the control server sends cannot be used
};
struct Problem {
  ProblemKind kind;
  std::string text;
};
struct Solved {
  ProblemKind kind;
};
struct FeatureIgnored {  // the control server asked for something outside the closed list; said once per name
  std::string name;
};
struct LoggedOut {
  bool told;  // the control server confirmed it
};
struct TooMuchToTell {};  // something was not told: the node is of no more use

using Event =
    std::variant<WantStream, DropStream, WantJoinKey, Registered, AddressesChanged, Online, AddressesLost,
                 FilterChanged, ResolveStun, PathChanged, Problem, Solved, FeatureIgnored, LoggedOut, TooMuchToTell>;

// Not an event, since it waits until the owner asks for it: the control server names this peer. It becomes one only
// after admit(key, yes).
struct WantAdmission {
  crypto::NodePublicKey node_key;
  std::string login;
  bool tagged;
};

// Why a stream did not open, or ended.
enum class StreamTrouble : std::uint8_t {
  unreachable,     // no connection
  certificate,     // TLS refused whoever answered; the text says which host and whose certificate
  not_the_server,  // something else answered
  ended,           // it was open, and closed
};
struct StreamFailure {
  StreamTrouble trouble;
  std::string text;
};

// Datagrams for a UDP socket of the endpoint's address family: cut every segment_bytes. Borrowed.
struct UdpRun {
  Endpoint to;
  Bytes segments;
  std::size_t segment_bytes;
  path::Origin origin = path::Origin::named;
};

}  // namespace quoin::node
