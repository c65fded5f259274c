// What `quoin-agent open|extend|close|status` says to the daemon over agent.sock: one JSON object on one line each way,
// then the connection is closed; `status --watch` gets a line for each change instead. Both sides' codecs stand here.
//
//     {"command":"open","device":"mfp","for":"30m","services":"web,snmp","engineers":["alice@example.com"],"reason":"E 3.2"}
//     {"command":"extend","device":"mfp","for":"30m"}
//     {"command":"close","device":"mfp"}    {"command":"close","all":true}    {"command":"status"}
//     {"command":"status","watch":true}
//
//     {"code":0,"text":"mfp is open until ...","open":[{"device":"mfp","name":"mfp-1",...}],...}
//
// An unknown member, a wrong type or a member that does not belong to the command is refused. Texts arrive as they were
// typed: the daemon alone judges them. `audit show` and `audit verify` read the files themselves, so that they work
// when the daemon is down; status says where the files are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace quoin::gate {

// Where a close is asked for, beside agent.sock: it takes nothing else, and does not need the gate's loop.
std::string stop_socket_beside(const std::string& socket);

constexpr std::size_t request_bytes_max = 32 * 1024;
constexpr std::size_t reply_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t paths_shown_max = 32;  // of one device
constexpr std::size_t reason_bytes_max = 200;

enum class ExitCode : std::uint8_t {
  done = 0,
  wrong_usage = 2,  // or wrong configuration
  refused = 3,
  not_reachable = 4,
  failed = 5,
};

// Who is at the other end of the socket, as the kernel says (SO_PEERCRED), and the user database.
struct Caller {
  std::uint32_t uid = 0xffffffff;
  std::string name;       // or the number, if there is no name
  bool in_group = false;  // group `quoin`, primary or supplementary
  bool may_command() const { return uid == 0 || in_group; }
};

struct OpenRequest {
  std::string device;
  std::string lasts;                    // "30m"
  std::optional<std::string> services;  // "web,tcp/8080"; all named ones if left out
  std::vector<std::string> engineers;   // narrows the configured list; empty leaves it as it is
  std::string reason;
  bool operator==(const OpenRequest&) const = default;
};
struct ExtendRequest {  // so much longer from now
  std::string device;
  std::string lasts;  // "30m"
  bool operator==(const ExtendRequest&) const = default;
};
struct CloseRequest {
  std::optional<std::string> device;  // nothing: all
  bool operator==(const CloseRequest&) const = default;
};
struct StatusRequest {
  bool watch = false;  // a reply each time it has changed, until one side goes
  bool operator==(const StatusRequest&) const = default;
};
using Request = std::variant<OpenRequest, ExtendRequest, CloseRequest, StatusRequest>;

struct EngineerStatus {
  std::string engineer;
  std::string node_key;
  std::string path;             // none, relay, direct
  std::string through;          // the relay's code, or the endpoint
  std::string last_heard = {};  // if that is long ago: when
  bool past_narrow = false;     // the relay, since the direct way loses what is large
  bool operator==(const EngineerStatus&) const = default;
};
struct DeviceStatus {
  std::string device;
  std::string state;  // opening, open, closing
  std::string name;
  std::vector<std::string> addresses;
  std::string node_key;
  std::string until;
  std::int64_t seconds_left = 0;
  bool ends_soon = false;  // within five minutes
  std::string opened_by;
  std::string reason;
  std::vector<std::string> engineers;  // as the warrant names them
  bool every_person = false;           // the warrant names "*"
  std::vector<std::string> services;
  std::string relay;                  // the home relay's code, once connected
  std::string problem;                // the newest one that is not solved
  std::string device_problem;         // what is wrong with the device itself
  std::string refused;                // what an engineer was refused for want of room, or for its length
  std::uint64_t flows = 0;            // open now
  std::vector<EngineerStatus> paths;  // of the engineers admitted
  bool operator==(const DeviceStatus&) const = default;
};
struct Reply {
  ExitCode code = ExitCode::done;
  std::string text;                               // for the person; lines end in '\n' except the last
  std::optional<std::vector<DeviceStatus>> open;  // status: all; open and extend: the one
  std::vector<std::string> devices;               // status: the configured ones
  std::string audit_file;                         // status
  std::string audit_head;
  std::optional<bool> audit_works;  // status
  bool operator==(const Reply&) const = default;
};

Reply reply(ExitCode code, std::string text);

std::string encode(const Request& request);  // newline included
// The error is a sentence.
Result<Request, std::string> decode_request(Bytes line);
std::string encode(const Reply& reply);  // newline included
Result<Reply, std::string> decode_reply(Bytes line);
// What `status --json` prints.
std::string status_json(const Reply& reply);

}  // namespace quoin::gate
