// What the audit file says: one kind of record for each thing that is granted, refused, begun or ended.
//
// Much of what a session's records say only its tunnel can know: who a node is (it speaks with the control server),
// whose a flow is, what it carried. The gate takes the tunnel for hostile, so each record names such members in
// `claimed`. All others the gate saw itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"

namespace quoin::gate {

struct AgentStarted {
  std::vector<std::string> devices;
};
struct AgentStopped {};
// What starting found at the end of the file: records that the head had not reached, and a last line cut short by a
// crash, which was taken off.
struct FileRepaired {
  std::uint64_t records_beyond_head = 0;
  std::uint64_t bytes_cut = 0;
};
struct FileContinued {  // the first record of every file but the first
  std::string file;     // before this one
  std::uint64_t last_sequence = 0;
  std::string last_hash;
};
struct RecordsLost {  // while the file could not be written
  std::uint64_t count = 0;
};

struct WarrantOpened {  // synced before anything opens
  std::string device;
  std::string address;
  std::string mac;  // empty: not checked
  std::vector<std::string> services;
  std::vector<std::string> engineers;
  std::string opened_by;
  std::string reason;
  std::string until;
  std::string serial = {};  // empty: not checked
};
struct WarrantExtended {  // synced before the new end counts
  std::string device;
  std::string by;
  std::string until;
  std::string until_before;
};
struct WarrantRegistered {  // the names that the control server gave it
  std::string device;
  std::string node_key;
  std::string name;
  std::vector<std::string> addresses;
};
struct CommandRefused {
  std::string command;
  std::string device;
  std::string by;
  std::string why;
  std::uint64_t suppressed = 0;  // refusals before this one that were not written, because there were too many
};
struct WarrantClosed {
  std::string device;
  std::string why;
  std::string by;  // a person, where one closed it
  std::uint64_t flows = 0;
  std::uint64_t flows_refused = 0;
  std::uint64_t admissions_refused_unwritten = 0;
};

struct EngineerAdmitted {
  std::string device;
  std::string engineer;
  std::string node_key;
};
struct EngineerRefused {
  std::string device;
  std::string engineer;
  std::string node_key;
  std::string why;
};
struct FlowOpened {
  std::string device;
  std::string engineer;
  std::string service;
  std::string transport;   // tcp, udp, icmp
  std::uint16_t port = 0;  // of the device; 0 for icmp
  std::uint64_t flow = 0;  // counts from 1 in each warrant
};
struct EchoCounts {
  std::uint64_t requests = 0;
  std::uint64_t answers = 0;
};
struct FlowEnded {
  std::string device;
  std::string engineer;
  std::string service;
  std::string transport;
  std::uint16_t port = 0;
  std::uint64_t flow = 0;
  std::optional<std::uint64_t> bytes_to_device;  // absent when the tunnel ended without saying
  std::optional<std::uint64_t> bytes_to_engineer;
  std::optional<EchoCounts> echoes;  // of a series of pings, which the gate counts itself
};
struct PortsTogether {      // that are not told one by one
  std::uint32_t ports = 0;  // how many different ones
  std::uint16_t lowest = 0;
  std::uint16_t highest = 0;
};
struct AttemptsFailed {  // gate/attempts.h says how they are joined
  std::string device;
  std::string engineer;
  std::string transport;
  std::optional<std::uint16_t> port;    // either this,
  std::optional<PortsTogether> others;  // or these
  std::string outcome;
  std::uint64_t count = 0;
  std::string since;     // of the first one counted; empty: they were now
  bool claimed = false;  // the tunnel refused them, and says so; the gate saw nothing of them
};
struct FeatureIgnored {  // the control server asked for something outside the closed list
  std::string device;
  std::string feature;
};

using AuditRecord = std::variant<AgentStarted, AgentStopped, FileRepaired, FileContinued, RecordsLost, WarrantOpened,
                                 WarrantExtended, WarrantRegistered, CommandRefused, WarrantClosed, EngineerAdmitted,
                                 EngineerRefused, FlowOpened, FlowEnded, AttemptsFailed, FeatureIgnored>;

// The record as JSON members without braces: "event":"opened","device":"mfp",... Texts are bounded and escaped, so that
// a record is always one line.
std::string members_of(const AuditRecord& record);
// Whether the file is synced after it. Only what concerns single flows is not worth that.
bool needs_sync(const AuditRecord& record);

}  // namespace quoin::gate
