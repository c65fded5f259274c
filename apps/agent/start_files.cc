#include "start_files.h"

#include <utility>

#include "children.h"
#include "io/files.h"
#include "local_commands.h"

namespace quoin::apps {
namespace {

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

StartFailure of_socket(const std::string& path, const io::FileFailure& socket) {
  if (socket.error != io::FileError::taken) return {gate::ExitCode::wrong_usage, socket.text};
  return {gate::ExitCode::refused,
          "another quoin-agent already listens on " + path + ": stop it, or give this one a socket of its own"};
}

}  // namespace

StartFailure of_file(const io::FileFailure& file) {
  const bool of_system = file.error == io::FileError::full || file.error == io::FileError::failed;
  return {of_system ? gate::ExitCode::failed : gate::ExitCode::wrong_usage, file.text};
}

Result<io::Program, std::string> find_program(const std::string& path) {
  if (const auto found = io::open_for_reading(path); !found) {
    return failure(name_of(path) + " must stand beside quoin-agent: " + found.error().text);
  }
  auto program = io::Program::find(path);
  if (!program) return failure(program.error().text());
  if (io::may_give(Children::users) && !program->may_be_run_by_others()) {
    return failure(path +
                   " may not be run by others, and each such process is a user of its own; give them that right "
                   "(chmod o+x)");
  }
  return std::move(*program);
}

Result<io::ListeningSocket, StartFailure> listen_at(const std::string& path, io::Folder folder) {
  auto socket = io::ListeningSocket::open(
      std::move(folder), {.name = name_of(path), .mode = LocalCommands::mode, .group = LocalCommands::group});
  if (!socket) return failure(of_socket(path, socket.error()));
  return std::move(*socket);
}

}  // namespace quoin::apps
