// quoin-agent: the gate, and the commands of the person who stands at it.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>

#include "agent_process.h"
#include "command_line.h"
#include "commands.h"
#include "io/descriptor.h"
#include "io/limits.h"
#include "io/log.h"
#include "io/own_program.h"

namespace {

using quoin::gate::ExitCode;

ExitCode complain(ExitCode code, const std::string& sentence) {
  std::fprintf(stderr, "quoin-agent: %s\n", sentence.c_str());
  return code;
}

// The first of these names that is set and not empty, with its value.
std::pair<std::string, std::string> variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return {name, value};
  }
  return {};
}

// A proxy of the environment counts where the configuration has none.
quoin::Result<void, std::string> complete_with_environment(quoin::gate::Config& config) {
  if (config.proxy) return {};
  auto [name, url] = variable({"https_proxy", "HTTPS_PROXY"});
  config.proxy = TRY(quoin::gate::proxy_of({.https_proxy_name = std::move(name),
                                            .https_proxy = std::move(url),
                                            .no_proxy = variable({"no_proxy", "NO_PROXY"}).second}));
  return {};
}

ExitCode run(const quoin::apps::RunCommand& command) {
  using namespace quoin;
  io::start_log("quoin-agent", io::LogLevel::info);
  const auto text = io::read_file(command.config_file, gate::config_bytes_max, io::FileTrust::ours_only);
  if (!text) return complain(ExitCode::wrong_usage, text.error().text);
  // Whole paths: `status` tells others, who stand in other folders, where the audit file is.
  std::error_code unknown_folder;
  const auto config_file = std::filesystem::absolute(command.config_file, unknown_folder);
  if (unknown_folder) return complain(ExitCode::failed, "the folder it runs in is gone: start it from another one");
  auto config = gate::parse_config(text_of(*text), config_file.string());
  if (!config) return complain(ExitCode::wrong_usage, config.error().text());
  if (config->proxy && config->proxy->password) {
    const auto ours = io::read_file(command.config_file, gate::config_bytes_max, io::FileTrust::secret);
    if (!ours) {
      return complain(ExitCode::wrong_usage,
                      ours.error().text + ": it has the proxy's password; or put that into proxy.password_file");
    }
  }
  if (const auto completed = complete_with_environment(*config); !completed)
    return complain(ExitCode::wrong_usage, completed.error());
  if (const auto forbidden = io::forbid_core_dumps(); !forbidden)
    return complain(ExitCode::failed, forbidden.error().text());
  io::raise_descriptor_limit();
  const bool is_locked = io::keep_out_of_swap(io::Capabilities::kept).has_value();

  const bool through_proxy = config->proxy.has_value();
  io::Loop loop;
  const std::string folder = io::folder_of_own_program();
  const auto process = apps::AgentProcess::create(
      loop, std::move(*config),
      {.tunnel = folder + "/quoin-tunnel", .snmp = folder + "/quoin-snmp", .resolver = folder + "/quoin-resolver"});
  if (!process) return complain(process.error().code, process.error().sentence);
  if (through_proxy) io::log(io::LogLevel::info, "control and relay connections go through the HTTP proxy");
  if (!is_locked && io::has_swap()) {
    io::log(io::LogLevel::warning,
            "keys may get into swap: run it as root, with LimitMEMLOCK=infinity, or without swap");
  }
  const io::LogThread log_thread;
  io::log(io::LogLevel::info, "ready; nothing is open");
  loop.run();
  return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace quoin;
  if (!io::fill_standard_numbers()) return static_cast<int>(ExitCode::failed);  // and nowhere to say why
  const auto command = apps::parse_command_line(argc, argv);
  if (!command) {
    std::fputs(command.error().text.c_str(), command.error().code == 0 ? stdout : stderr);
    return command.error().code;
  }
  if (const auto* daemon = std::get_if<apps::RunCommand>(&*command)) return static_cast<int>(run(*daemon));
  if (const auto* asked = std::get_if<apps::SocketCommand>(&*command)) return static_cast<int>(apps::perform(*asked));
  return static_cast<int>(apps::perform(std::get<apps::AuditCommand>(*command)));
}
