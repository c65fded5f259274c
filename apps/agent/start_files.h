// What the agent finds or makes before it runs: its programs and its sockets. What is not as it must be is a sentence.
#pragma once

#include <string>

#include "gate/commands.h"
#include "io/file_failure.h"
#include "io/spawn.h"
#include "io/unix_listener.h"

namespace quoin::apps {

struct StartFailure {
  gate::ExitCode code;
  std::string sentence;
};

StartFailure of_file(const io::FileFailure& file);
Result<io::Program, std::string> find_program(const std::string& path);
Result<io::ListeningSocket, StartFailure> listen_at(const std::string& path, io::Folder folder);

}  // namespace quoin::apps
