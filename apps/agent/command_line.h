// The command line of quoin-agent. CLI11 is known to command_line.cc alone.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/result.h"
#include "gate/commands.h"

namespace quoin::apps {

constexpr const char* usual_socket = "/run/quoin-agent/agent.sock";
constexpr const char* usual_state_dir = "/var/lib/quoin-agent";

struct RunCommand {
  std::string config_file;
};
struct SocketCommand {  // open, extend, close, status; a watched status goes on until one side ends
  std::string socket = usual_socket;
  gate::Request request;
  bool as_json = false;
};
enum class AuditAction { show, verify };
struct AuditCommand {
  AuditAction action = AuditAction::show;
  std::string socket = usual_socket;     // asked where the files are
  std::optional<std::string> state_dir;  // instead of asking
};
using Command = std::variant<RunCommand, SocketCommand, AuditCommand>;

struct UsageExit {
  int code;          // 0 after --help
  std::string text;  // what to print
};

Result<Command, UsageExit> parse_command_line(int argc, const char* const* argv);

}  // namespace quoin::apps
