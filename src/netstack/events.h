// What the stack tells its owner, and the words that both use.
#pragma once

#include <cstdint>
#include <variant>

#include "base/address.h"
#include "base/time.h"
#include "netstack/flow_id.h"

namespace quoin::netstack {

enum class Transport : std::uint8_t { tcp, udp };

// How the owner turns an Incoming flow down.
enum class Refusal : std::uint8_t {
  silent,                       // nothing is sent
  reset,                        // TCP: RST. UDP: as port_unreachable
  host_unreachable,             // ICMP 3/1,  ICMPv6 1/3 (address unreachable)
  port_unreachable,             // ICMP 3/3,  ICMPv6 1/4
  administratively_prohibited,  // ICMP 3/13, ICMPv6 1/1
};

enum class CloseReason : std::uint8_t {
  finished,          // TCP: both directions ended in order and everything was acknowledged
  reset_by_peer,     // TCP: RST, also while an Incoming flow still waited
  refused,           // TCP: RST in answer to an active open
  timed_out,         // no answer: the peer is gone, or the owner let an Incoming flow wait for too long
  idle,              // UDP: nothing passed either way
  port_unreachable,  // the peer's host said so
  unreachable,       // the peer's host said so while the connection was being opened
  address_removed,   // the node lost the address that the flow used
  aborted,           // TCP: by the owner's abort_when_delivered
};

// A flow that somebody at the peer wants to open. TCP: its SYN waits, unanswered. UDP: its first datagrams wait. Answer
// with accept or refuse.
struct Incoming {
  FlowId flow;
  Transport transport;
  Endpoint local;
  Endpoint remote;
};

struct Connected {  // TCP: the handshake is complete; an accepted flow takes bytes before that, too
  FlowId flow;
};
struct Readable {  // there is more to read than was known; said once until something has been read
  FlowId flow;
};
struct Writable {  // there is room again, after write_space or send_datagram had none
  FlowId flow;
};
struct PeerFinished {  // TCP: nothing follows what is readable
  FlowId flow;
};
// TCP: the peer has sent since then what has not arrived, nor when it must have been sent again.
struct Missing {
  IpAddress remote;
  Instant since;
  bool certain;  // it was, and three times at least
};
struct Closed {  // the last word about a flow; not said of flows that the owner refused, aborted or closed itself
  FlowId flow;
  CloseReason why;
};

// An ICMP or ICMPv6 echo request. Answered by answer_echo, if the device answers one.
struct EchoRequest {
  std::uint64_t echo;
  IpAddress local;
  IpAddress remote;
  std::size_t bytes;  // of its data
};

// A SYN, or the first datagram of a flow, that found no place to wait, or whose fragments found none: nothing of it is
// left.
struct IncomingLost {
  Transport transport;
  Endpoint local;
  Endpoint remote;
};
enum class EchoLoss : std::uint8_t {
  no_room,    // too many wait
  too_large,  // over IPv6, where its reply would need fragments
};
struct EchoRequestLost {  // the same of an echo request that was not told of
  IpAddress local;
  IpAddress remote;
  EchoLoss why = EchoLoss::no_room;
};

using StackEvent = std::variant<Incoming, Connected, Readable, Writable, PeerFinished, Missing, Closed, EchoRequest,
                                IncomingLost, EchoRequestLost>;

}  // namespace quoin::netstack
