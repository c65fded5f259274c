#include "rights.h"

#include "io/capabilities.h"
#include "io/confinement.h"
#include "io/log.h"

namespace quoin::apps {

void give_up_rights(const std::string& state_folder, const std::string& socket_folder) {
  const auto given_up = io::give_up_capabilities_except(io::capabilities_of_gate());
  if (!given_up) {
    io::log(io::LogLevel::warning, "this process keeps rights that it does not need: " + given_up.error().text());
  }
  if (!io::refuse_changes_of_rights()) {
    io::log(io::LogLevel::warning, "this process could change the rights of files: the kernel has no seccomp filters");
  }
  const auto confined = io::write_only_to({.file_folders = {state_folder}, .socket_folders = {socket_folder}});
  if (confined && *confined) return;
  io::log(io::LogLevel::warning,
          "nothing but its user's rights keeps this process from writing to other folders: " +
              (confined ? std::string("the kernel has no Landlock, or it is off") : confined.error().text()));
}

}  // namespace quoin::apps
