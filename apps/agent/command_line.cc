#include "command_line.h"

#include <utility>

#include <CLI/CLI.hpp>

#include "pair/text.h"
#include "version.h"

namespace quoin::apps {

Result<Command, UsageExit> parse_command_line(int argc, const char* const* argv) {
  CLI::App app("quoin-agent: opens one printing device to named engineers, for a limited time", "quoin-agent");
  app.set_version_flag("--version", std::string("quoin-agent ") + version());
  app.require_subcommand(1);
  std::string socket = usual_socket;
  const auto with_socket = [&](CLI::App* command) {
    command->add_option("--socket", socket, "the running agent's socket")->capture_default_str();
    return command;
  };

  RunCommand run;
  auto* run_command = app.add_subcommand("run", "Run the agent; nothing is open when it starts");
  run_command->add_option("--config", run.config_file, "the configuration file (TOML)")->required();

  gate::OpenRequest open;
  std::string services;
  auto* open_command = with_socket(app.add_subcommand("open", "Open a device for a limited time"));
  open_command->add_option("DEVICE", open.device, "a device of the configuration")->required();
  open_command->add_option("--for", open.lasts, "how long, such as 45s, 30m or 4h")->required();
  auto* services_option =
      open_command->add_option("--services", services,
                               "web, ipp, snmp, raw, lpd, ftp, telnet, ssh, ping, tcp/PORT, udp/PORT or "
                               "all, with commas between; all named ones but ftp if left out");
  open_command->add_option("--engineer", open.engineers, "only this one of the configured engineers; may be repeated")
      ->allow_extra_args(false);
  open_command->add_option("--reason", open.reason, "why, for the audit file");

  gate::ExtendRequest extend;
  auto* extend_command = with_socket(app.add_subcommand("extend", "Keep an open device open for longer"));
  extend_command->add_option("DEVICE", extend.device, "the open device")->required();
  extend_command->add_option("--for", extend.lasts, "how much longer from now, such as 30m")->required();

  std::string close_device;
  bool close_all = false;
  auto* close_command = with_socket(app.add_subcommand("close", "Close a device at once"));
  auto* close_device_option = close_command->add_option("DEVICE", close_device, "the device to close");
  close_command->add_flag("--all", close_all, "close every device")->excludes(close_device_option);

  bool as_json = false;
  auto* status_command = with_socket(app.add_subcommand("status", "Show what is open"));
  status_command->add_flag("--json", as_json, "as JSON");
  bool watch = false;
  status_command->add_flag("--watch", watch, "again whenever it changes, until Ctrl-C; with --json one object a line");

  std::string state_dir;
  auto* audit_command = app.add_subcommand("audit", "Read the audit file");
  audit_command->require_subcommand(1);
  auto* show_command = with_socket(audit_command->add_subcommand("show", "Print the records"));
  auto* verify_command =
      with_socket(audit_command->add_subcommand("verify", "Check that nothing was edited, cut or exchanged"));
  for (auto* command : {show_command, verify_command}) {
    command->add_option("--state-dir", state_dir, "the agent's state folder, instead of asking the running agent");
  }

  try {
    app.parse(argc, argv);
    if (close_command->parsed() && close_device.empty() && !close_all) throw CLI::RequiredError("DEVICE or --all");
  } catch (const CLI::ParseError& error) {
    std::ostringstream help;
    std::ostringstream unused;
    if (app.exit(error, help, unused) == 0) return failure(UsageExit{0, help.str()});
    const std::string sentence = pair::printable(error.what(), 300);
    return failure(UsageExit{static_cast<int>(gate::ExitCode::wrong_usage),
                             "quoin-agent: " + sentence + "; see quoin-agent --help and quoin-agent COMMAND --help\n"});
  }

  if (run_command->parsed()) return run;
  if (open_command->parsed()) {
    if (services_option->count() > 0) open.services = services;
    return SocketCommand{socket, open, false};
  }
  if (extend_command->parsed()) return SocketCommand{socket, extend, false};
  if (close_command->parsed()) {
    return SocketCommand{socket, gate::CloseRequest{close_all ? std::nullopt : std::optional(close_device)}, false};
  }
  if (status_command->parsed()) return SocketCommand{socket, gate::StatusRequest{watch}, as_json};
  AuditCommand audit;
  audit.action = show_command->parsed() ? AuditAction::show : AuditAction::verify;
  audit.socket = socket;
  if (!state_dir.empty()) audit.state_dir = state_dir;
  return audit;
}

}  // namespace quoin::apps
