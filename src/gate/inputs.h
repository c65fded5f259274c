// What the edge tells the gate.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gate/effects.h"
#include "gate/host_view.h"
#include "gate/mac_address.h"
#include "gate/proxy_trouble.h"
#include "pair/serial_question.h"

namespace quoin::gate {

struct CommandArrived {
  CommandId command;
  Caller caller;
  Result<Request, std::string> request;  // as decode_request gave it
  // Asked for before somebody stopped a device without the gate, or perhaps so: what is older than a stop opens
  // nothing.
  bool overtaken = false;
};
struct CommandGone {  // the person hung up before the reply
  CommandId command;
};

struct ChildStarted {
  SessionId session;
};
struct ChildFailed {  // it could not be started
  SessionId session;
  std::string why;
};
struct ChildExited {
  SessionId session;
  std::string how;  // "exit status 1", "signal 9"
};
struct ChildMessage {
  SessionId session;
  Result<pair::FromTunnel, pair::MessageError> message;
};
struct ChildUnreachable {  // it could not be sent what it had to be
  SessionId session;
  std::string why;  // "its queue is full", "lab-ca.pem cannot be opened"
};

struct UdpBound {
  SessionId session;
  std::optional<HandleId> ipv4, ipv6;
};
struct Resolved {
  TaskId task;
  std::vector<IpAddress> addresses;  // none: the name has none
  bool no_server_answers = false;    // so that nothing is known of it
};
struct Dialled {
  TaskId task;
  HandleId socket;
  Endpoint peer;  // the candidate that answered
};
struct DialFailed {
  TaskId task;
  pair::Unanswered why;
  std::optional<ProxyTrouble> proxy = {};  // of a dial through the proxy
  bool is_behind_router = false;           // one that had to stay on link did not: a router said so
};
struct Pinged {
  TaskId task;
  bool answered;
};
struct NeighboursFound {
  TaskId task;
  std::vector<MacAddress> macs;  // none: nobody answered
};
struct SerialRead {
  TaskId task;
  pair::SerialAnswer answer;
};
struct JoinKeyRead {
  TaskId task;
  std::optional<std::string> key;  // without surrounding white space; nothing if it cannot be read
};
struct AuditAppended {
  bool done;
};

struct HostChanged {
  Result<HostView, std::string> host;  // the error: why it cannot be read
};
struct StopRequested {};

using Input = std::variant<CommandArrived, CommandGone, ChildStarted, ChildFailed, ChildExited, ChildMessage,
                           ChildUnreachable, UdpBound, Resolved, Dialled, DialFailed, Pinged, NeighboursFound,
                           SerialRead, JoinKeyRead, AuditAppended, HostChanged, StopRequested>;

}  // namespace quoin::gate
