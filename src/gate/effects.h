// What the gate asks of the edge. The edge performs them in order and holds no decisions.
//
// Everything is named by ids that the gate never uses twice; descriptors stay at the edge, which names those it opened
// for the gate by a HandleId. A task is answered by exactly one input, unless it is cancelled.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "gate/commands.h"
#include "gate/warrant.h"
#include "pair/messages.h"
#include "pair/serial_question.h"

namespace quoin::gate {

using CommandId = std::uint64_t;  // chosen by the edge: one connection to agent.sock
using SessionId = std::uint64_t;  // chosen by the gate: one opening of one device
using TaskId = std::uint64_t;     // chosen by the gate
using HandleId = std::uint64_t;   // chosen by the edge: one descriptor that it keeps for the gate

// Answered by ChildStarted or ChildFailed, and after the former once, in the end, by ChildExited.
// Both kill it at the latest at `killed_at`, by whichever clock comes first: also while the loop that performs effects
// stands still, and whatever the child does.
struct StartChild {
  SessionId session;
  std::string device;  // by which a person can have it killed beside the loop
  Ends killed_at;
};
struct MoveChildsEnd {  // a new `killed_at`
  SessionId session;
  Ends killed_at;
};
struct KillChild {  // SIGKILL; nothing if it is not running. ChildExited follows as for any other end
  SessionId session;
};

enum class DescriptorKind : std::uint8_t {
  control_roots,  // a file opened for reading: control.ca_file, or the system's roots
  relay_roots,    // relay.ca_file, or the system's roots
  handle,         // what a HandleId names; the edge closes its copy once it is sent or could not be sent
  copy,           // of what a HandleId names; the edge keeps its own
};
struct Descriptor {
  DescriptorKind kind;
  HandleId handle = 0;
};
// ChildUnreachable answers a message that could not be sent (its queue is full, a roots file cannot be opened). A
// JoinKey is wiped once written.
struct SendToChild {
  SessionId session;
  pair::FromGate message;
  std::vector<Descriptor> descriptors;  // as pair::descriptors_with says
};
struct BindUdp {  // answered by UdpBound; the edge may give new sockets at any later time with another UdpBound
  SessionId session;
};
// A UDP socket on the local port of `beside`, connected to `to`. Answered by Dialled or DialFailed.
struct ConnectUdp {
  TaskId task;
  HandleId beside;
  Endpoint to;
};
struct DisconnectUdp {  // nobody can send with it any more, whoever has a copy; the edge closes its own
  HandleId handle;
};
struct CloseHandle {
  HandleId handle;
  bool reset = false;  // a TCP connection that carried nothing: by RST
};

struct Resolve {  // answered by Resolved: A and AAAA records
  TaskId task;
  SessionId session;  // whose names are resolved apart from all others'
  std::string host;
};
// Races the candidates (RFC 8305) within the timeout; UDP: a connected socket.
// Answered by Dialled or DialFailed.
struct Dial {
  TaskId task;
  pair::Transport transport;
  std::vector<Endpoint> candidates;
  Duration timeout;
  // Not empty: the candidates are the proxy's. It is asked to connect to this HOST:PORT, with the user and password of
  // the configuration, and the socket is handed over as it is behind the blank line of the answer.
  std::string through_proxy_to = {};
  bool stays_on_link = false;  // no packet of it may cross a router: TTL, or hop limit, 1
  bool on_own_link =
      false;  // it leaves by the link that the address is on, whatever route takes it elsewhere then or later
  // If it is below 1024: TCP comes from this port, or another one below 1024, where the edge may.
  std::uint16_t local_port = 0;
};
struct Ping {  // one echo request; answered by Pinged
  TaskId task;
  IpAddress address;
  std::uint16_t payload_bytes;
  Duration timeout;
  bool stays_on_link = false;
  bool on_own_link = false;
};
enum class Neighbours : std::uint8_t {
  first,   // the one that the next packet would be sent to, as the kernel has confirmed it shortly before or does now
  in_use,  // the same as the kernel's table has it, confirmed or not; it is asked for only where the table has none
  all_by_arp,  // as `all`, but where that cannot be asked nobody answers, and nothing is sent to the address itself
  all,  // asks the whole link (ARP, neighbour discovery) and collects every MAC address that answers for the address
};
// Answered by NeighboursFound.
struct LookupNeighbour {
  TaskId task;
  IpAddress address;
  Duration timeout;
  Neighbours which = Neighbours::first;
};
// Asks a device, in a process for this one question, for the serial number that it tells by SNMP. Answered by
// SerialRead.
struct ReadSerial {
  TaskId task;
  std::string device_name;  // by which a person can have the process killed beside the loop
  Endpoint device;
  pair::SerialQuestion question;
  Duration timeout;
  bool stays_on_link = false;
  bool on_own_link = false;
};
struct ReadJoinKey {  // answered by JoinKeyRead; the edge keeps no copy
  TaskId task;
};
struct CancelTask {  // no answer is awaited any more; a socket that arrives all the same is closed by the edge
  TaskId task;
};

// Appends the lines to the audit file. With `sync`: append, fdatasync, then replace the head file (write beside, sync,
// rename, sync the folder). Without: append only. Another file than the last one is begun by it, always with `sync`:
// the last one is synced first, so that whatever is in the new one has all before it on disk. Answered by AuditAppended
// before the next one is asked for. On failure the edge cuts the file back to its former length; if even that fails it
// answers every later append with a failure.
struct AppendAudit {
  std::uint64_t file;  // its number: the last one's, or the next
  std::string lines;
  std::string head;
  bool sync;
};

struct SendReply {  // and close the connection
  CommandId command;
  Reply reply;
};
struct SendUpdate {  // one more line of `status --watch`; the connection stays
  CommandId command;
  Reply reply;
};
struct WriteLog {  // a warning for whoever reads the log. Names the device as the configuration does, nobody else
  std::string sentence;
};
struct Finished {};  // after StopRequested: nothing is left to do, the process may end

using Effect = std::variant<StartChild, MoveChildsEnd, KillChild, SendToChild, BindUdp, ConnectUdp, DisconnectUdp,
                            CloseHandle, Resolve, Dial, Ping, LookupNeighbour, ReadSerial, ReadJoinKey, CancelTask,
                            AppendAudit, SendReply, SendUpdate, WriteLog, Finished>;

}  // namespace quoin::gate
