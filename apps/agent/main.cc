// quoin-agent: the gate, and the commands of the person who stands at it.
#include <cstdio>
#include <filesystem>
#include <string>

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
  if (const auto forbidden = io::forbid_core_dumps(); !forbidden)
    return complain(ExitCode::failed, forbidden.error().text());
  io::raise_descriptor_limit();

  io::Loop loop;
  const auto process =
      apps::AgentProcess::create(loop, std::move(*config), io::folder_of_own_program() + "/quoin-tunnel");
  if (!process) return complain(process.error().code, process.error().sentence);
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
